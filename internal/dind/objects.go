package dind

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	applyapps "k8s.io/client-go/applyconfigurations/apps/v1"
	applybatch "k8s.io/client-go/applyconfigurations/batch/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applynetworking "k8s.io/client-go/applyconfigurations/networking/v1"
	applystorage "k8s.io/client-go/applyconfigurations/storage/v1"
	"sigs.k8s.io/yaml"
)

// Objects are the objects of one installation; nil means not wanted.
type Objects struct {
	StorageClass *applystorage.StorageClassApplyConfiguration
	Volume       *applycore.PersistentVolumeApplyConfiguration
	Claim        *applycore.PersistentVolumeClaimApplyConfiguration
	Config       *applycore.ConfigMapApplyConfiguration
	// Secrets are those of TLS: server, client, and copies of the client's in
	// other namespaces, in this order.
	Secrets       []*applycore.SecretApplyConfiguration
	Deployment    *applyapps.DeploymentApplyConfiguration
	Service       *applycore.ServiceApplyConfiguration
	CronJob       *applybatch.CronJobApplyConfiguration
	NetworkPolicy *applynetworking.NetworkPolicyApplyConfiguration
}

// inOrder lists the objects as they are best applied: what others refer to
// first, and the policy before there is a daemon to reach.
func (o Objects) inOrder() []any {
	ordered := []any{o.StorageClass, o.Volume, o.Claim, o.Config}
	for _, secret := range o.Secrets {
		ordered = append(ordered, secret)
	}
	ordered = append(ordered, o.NetworkPolicy, o.Service, o.Deployment, o.CronJob)
	return slices.DeleteFunc(ordered, func(object any) bool { return reflect.ValueOf(object).IsNil() })
}

// YAML renders the objects as documents that kubectl apply takes, in the order
// in which they are best applied. Apply configurations hold what is asked for
// and nothing else, so there is no status and no creationTimestamp.
func (o Objects) YAML() ([]byte, error) {
	var out bytes.Buffer
	for _, object := range o.inOrder() {
		encoded, err := json.Marshal(object)
		if err != nil {
			return nil, fmt.Errorf("render %T: %w", object, err)
		}
		document, err := yaml.JSONToYAML(escape(encoded))
		if err != nil {
			return nil, fmt.Errorf("render %T: %w", object, err)
		}
		out.WriteString("---\n")
		out.Write(document)
	}
	return out.Bytes(), nil
}

// escape writes the characters of JSON's strings that may not stand in YAML as
// they are in a way that both read alike: DEL, the C1 controls, and what is no
// character. See https://yaml.org/spec/1.2.2/#51-character-set
func escape(encoded []byte) []byte {
	var out []byte
	for _, r := range string(encoded) {
		if r >= 0x7f && r < 0xa0 || r == '\uFEFF' || r == '\uFFFE' || r == '\uFFFF' {
			out = fmt.Appendf(out, `\u%04x`, r)
			continue
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

// List is what several objects are as one JSON document, for kubectl apply.
type List struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Items      []any  `json:"items"`
}

// List gives the objects as one document, in the order of YAML.
func (o Objects) List() List {
	return List{APIVersion: "v1", Kind: "List", Items: o.inOrder()}
}

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
