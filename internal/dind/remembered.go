package dind

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// remembered returns the annotation with the options of the installation. It is on the
// Deployment and not on its pods, so that it restarts none. It has only what differs
// from the defaults, so that a default that changes with dindctl applies. The size and
// the class are those of the claim, which keeps them if the options have none.
func (p plan) remembered() map[string]string {
	o := p.Options
	if o.ReplicaCount() == 1 {
		o.Replicas = ""
	}
	if o.ExistingClaim == "" {
		o.StorageSize = p.size.String()
		if p.size.Cmp(resource.MustParse(DefaultStorageSize)) == 0 {
			o.StorageSize = ""
		}
	}
	if p.live != nil && o.ExistingClaim == "" && o.LocalPath == "" {
		class := p.live.Spec.StorageClassName
		if class != nil && *class != LocalStorageClass && claimFieldSet(p.live, "f:storageClassName") {
			o.StorageClass = *class
		}
	}
	encoded, err := json.Marshal(o.Values())
	if err != nil {
		panic(err) // strings, bools and lists of strings always marshal
	}
	return map[string]string{OptionsAnnotation: string(encoded)}
}

// Remembered returns the options of the last install. Values that the annotation does
// not have, because they may be secrets, come from the Deployment's container; those
// that are not there contain redact.Hidden; WithConfig adds those of the ConfigMap.
// Remembered returns false if the Deployment is nil, older than the annotation, or
// written by a dindctl with other options.
func Remembered(deployment *appsv1.Deployment) (Options, bool) {
	o := Defaults()
	if deployment == nil || o.decode(deployment.Annotations[OptionsAnnotation]) != nil {
		return Options{}, false
	}
	o.Namespace, o.Name, o.ReplicaOf = deployment.Namespace, deployment.Name, ReplicaOf(deployment)
	return o.WithHidden(live(deployment)), true
}

// decode sets the options that the annotation has.
func (o *Options) decode(annotation string) error {
	var values map[string]json.RawMessage
	if err := json.Unmarshal([]byte(annotation), &values); err != nil {
		return err
	}
	if values == nil {
		return errors.New("no options") // null
	}
	for _, row := range Table() {
		value, there := values[row.Name]
		if !there {
			continue
		}
		if err := json.Unmarshal(value, row.Field(o)); err != nil {
			return err
		}
		delete(values, row.Name)
	}
	if len(values) > 0 {
		return fmt.Errorf("unknown options %v", slices.Sorted(maps.Keys(values)))
	}
	return nil
}

// ForClaim returns the options with the size and the class of the live claim NAME-data,
// which may be nil: others may have expanded it since the options were remembered.
func (o Options) ForClaim(claim *corev1.PersistentVolumeClaim) Options {
	if claim == nil || o.ExistingClaim != "" {
		return o
	}
	size, fixed := requestOf(claim), resource.MustParse(DefaultStorageSize)
	o.StorageSize = size.String()
	if size.Cmp(fixed) == 0 {
		o.StorageSize = ""
	}
	if class := claim.Spec.StorageClassName; o.StorageClass != "" && class != nil && *class != o.StorageClass {
		o.StorageClass = ""
	}
	return o
}
