package dind

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// Pod is the pod that the Deployment will make, for a dry run: whoever may
// refuse it looks at this very pod.
func (o Objects) Pod() (*corev1.Pod, error) {
	encoded, err := json.Marshal(o.Deployment.Spec.Template)
	if err != nil {
		return nil, fmt.Errorf("encoding the pod template: %w", err)
	}
	var template corev1.PodTemplateSpec
	if err := json.Unmarshal(encoded, &template); err != nil {
		return nil, fmt.Errorf("decoding the pod template: %w", err)
	}
	pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	pod.GenerateName = *o.Deployment.Name + "-"
	pod.Namespace = *o.Deployment.Namespace
	return pod, nil
}
