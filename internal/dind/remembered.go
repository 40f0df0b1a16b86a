package dind

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/dindctl/dindctl/internal/redact"
)

// remembered returns the annotation with the options of the installation. It is on the
// Deployment and not on its pods, so that it restarts none. It has only what differs
// from the defaults, so that a default that changes with dindctl applies. The size and
// the class are those of the claim, which keeps them if the options have none.
func (p plan) remembered() map[string]string {
	o := p.Options
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
// that are not there any more contain redact.Hidden. Remembered returns false if the
// Deployment is nil, older than the annotation, or written by a dindctl with other
// options.
func Remembered(deployment *appsv1.Deployment) (Options, bool) {
	o := Defaults()
	if deployment == nil || o.decode(deployment.Annotations[OptionsAnnotation]) != nil {
		return Options{}, false
	}
	o.Namespace, o.Name = deployment.Namespace, deployment.Name
	return o.withHidden(deployment), true
}

// decode sets the options that the annotation has.
func (o *Options) decode(annotation string) error {
	var values map[string]json.RawMessage
	if err := json.Unmarshal([]byte(annotation), &values); err != nil {
		return err
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

// withHidden returns the options with the values that are hidden taken from the
// Deployment, if it has them. The Deployment may be nil.
func (o Options) withHidden(deployment *appsv1.Deployment) Options {
	if deployment == nil {
		return o
	}
	for _, container := range deployment.Spec.Template.Spec.Containers {
		if container.Name != ContainerName {
			continue
		}
		var env, args []string
		for _, variable := range container.Env {
			if variable.ValueFrom == nil {
				env = append(env, variable.Name+"="+spelled(variable.Value))
			}
		}
		for _, arg := range container.Args {
			args = append(args, spelled(arg))
		}
		o.Env = found(o.Env, env, shownPair)
		o.DockerdArgs = found(o.DockerdArgs, args, redact.Flag)
	}
	return o
}

// spelled returns the text that literal turned into this value.
func spelled(value string) string { return strings.ReplaceAll(value, "$$", "$") }

// found returns the values with each hidden one replaced by the live value that is shown
// like it. Live values that are shown alike are taken in their order.
func found(values, live []string, shown func(string) string) []string {
	values, live = slices.Clone(values), slices.Clone(live)
	for i, value := range values {
		at := slices.IndexFunc(live, func(candidate string) bool { return shown(candidate) == value })
		if at >= 0 && strings.Contains(value, redact.Hidden) {
			values[i] = live[at]
			live = slices.Delete(live, at, at+1)
		}
	}
	return values
}

// checkHidden rejects hidden values that no installation has.
func (o Options) checkHidden(errs *OptionErrors) {
	for _, row := range Table() {
		if row.Shown == nil {
			continue
		}
		for _, value := range *row.Field(&o).(*[]string) {
			if strings.Contains(value, redact.Hidden) {
				errs.add("--"+row.Name, value, "has no value, and the installation has none to keep", "Set the value.")
			}
		}
	}
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
