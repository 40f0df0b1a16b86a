package rollout

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/redact"
)

// secrets returns the values in the specifications of the Deployment and its pod
// that may be secrets; messages of the cluster may quote them.
func (v State) secrets(pod *corev1.Pod) redact.Values {
	var values []string
	if pod != nil {
		values = secretsIn(pod.Spec)
	}
	if v.Deployment != nil {
		values = append(values, secretsIn(v.Deployment.Spec.Template.Spec)...)
	}
	return redact.Of(values...)
}

func secretsIn(pod corev1.PodSpec) []string {
	var values []string
	for i := range pod.Containers {
		container := &pod.Containers[i]
		for _, variable := range container.Env {
			if !redact.PublicVariable(variable.Name) {
				values = append(values, variable.Value)
			}
		}
		for _, arg := range container.Args {
			values = append(values, redact.FlagSecrets(arg)...)
		}
	}
	return values
}

// lastWordsLines is the number of lines of a crashed daemon's log that are shown:
// enough for dockerd's fatal error and its reason.
const lastWordsLines = 5

// lastWords reads the end of the log of a pod's container that has ended, best effort,
// and hides secrets in it: a daemon quotes a flag that it does not know. It uses
// its own short timeout because ctx may have expired.
func lastWords(ctx context.Context, c *kube.Cluster, pod *corev1.Pod, container string) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	lines := int64(lastWordsLines)
	for _, previous := range []bool{false, true} {
		raw, err := c.Client.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name,
			&corev1.PodLogOptions{Container: container, TailLines: &lines, Previous: previous}).DoRaw(ctx)
		if apierrors.IsForbidden(err) {
			return fmt.Sprintf("(the log cannot be read: %v)", err)
		}
		if text := strings.TrimSpace(string(raw)); err == nil && text != "" {
			return redact.Of(secretsIn(pod.Spec)...).In(text)
		}
	}
	return ""
}
