package apply

import (
	"bytes"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/applyconfigurations"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/dindctl/dindctl/internal/kube"
)

// adoptedFields returns the managedFields that an object gets before dindctl applies
// it for the first time.
//
// client-go's csaupgrade turns one manager's entry into another's. That is not
// enough here: the fields that `kubectl create`, Helm, Terraform and `kubectl edit`
// set are spread over entries of many managers, and of API versions that are no
// longer served. Some fields have no manager: the API server's defaults, such as
// rollingUpdate, which the strategy Recreate does not allow. So dindctl takes over
// the whole specification, regardless of its managers. The fields come from the
// schema in client-go, which knows the keys of every list.
//
// dindctl takes over nothing of the specification of claims, volumes and classes,
// because it is immutable and dindctl sets only a part of it. Labels and
// annotations stay with their managers, except for the marks of tools; so do the
// fields that controllers set in subresources.
func adoptedFields(live metav1.Object, replaceable bool) ([]metav1.ManagedFieldsEntry, error) {
	version, taken, err := takenFields(live, replaceable)
	if err != nil {
		return nil, err
	}
	fields, err := newFields(taken)
	if err != nil {
		return nil, err
	}
	entries := []metav1.ManagedFieldsEntry{{
		Manager: kube.FieldManager, Operation: metav1.ManagedFieldsOperationApply,
		APIVersion: version, FieldsType: "FieldsV1", FieldsV1: fields,
	}}
	for _, entry := range live.GetManagedFields() {
		if entry.FieldsV1 == nil || isOurs(entry) {
			continue
		}
		// The API server ignores an entry of a version that it no longer serves,
		// and never removes it.
		if entry.APIVersion != version && entry.Subresource != "scale" {
			entry.APIVersion = version
		}
		if entry.Subresource == "" {
			left, err := keptFields(entry)
			if err != nil {
				return nil, err
			}
			if left.Empty() {
				continue
			}
			if entry.FieldsV1, err = newFields(left); err != nil {
				return nil, err
			}
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

func isOurs(entry metav1.ManagedFieldsEntry) bool {
	return entry.Manager == kube.FieldManager && entry.Operation == metav1.ManagedFieldsOperationApply && entry.Subresource == ""
}

func newFields(set *fieldpath.Set) (*metav1.FieldsV1, error) {
	raw, err := set.ToJSON()
	fields := &metav1.FieldsV1{}
	fields.SetRawBytes(raw)
	return fields, err
}

// takenFields returns the fields that dindctl takes over, and their API version.
func takenFields(live metav1.Object, replaceable bool) (version string, taken *fieldpath.Set, err error) {
	object, ok := live.(runtime.Object)
	if !ok {
		return "", nil, fmt.Errorf("%T is not an API object", live)
	}
	object = object.DeepCopyObject()
	kinds, _, err := scheme.Scheme.ObjectKinds(object)
	if err != nil {
		return "", nil, err
	}
	object.GetObjectKind().SetGroupVersionKind(kinds[0])
	version = kinds[0].GroupVersion().String()
	value, err := applyconfigurations.NewTypeConverter(scheme.Scheme).ObjectToTyped(object)
	if err != nil {
		return "", nil, err
	}
	set, err := value.ToFieldSet()
	if err != nil {
		return "", nil, err
	}
	taken = set.Intersection(marks())
	if replaceable {
		for _, part := range contents() {
			inPart := set.FilterIncludeMatches(fieldpath.MakePrefixMatcherOrDie(part))
			taken = taken.Union(inPart.RecursiveDifference(allocated()))
		}
	}
	return version, taken, nil
}

// allocated returns the fields of a Service that the API server allocates and that
// must not be removed.
func allocated() *fieldpath.Set {
	set := fieldpath.NewSet()
	for _, field := range []string{"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"} {
		set.Insert(fieldpath.MakePathOrDie("spec", field))
	}
	return set
}

// marks returns the fields of the marks of tools.
func marks() *fieldpath.Set {
	set := fieldpath.NewSet()
	for _, part := range []string{"labels", "annotations"} {
		for _, key := range toolMarks(part) {
			set.Insert(fieldpath.MakePathOrDie("metadata", part, key))
		}
	}
	return set
}

// keptFields returns the fields that stay with the manager of an entry. The entry
// of `kubectl apply` goes with its annotation.
func keptFields(entry metav1.ManagedFieldsEntry) (*fieldpath.Set, error) {
	set := &fieldpath.Set{}
	if entry.Manager == "kubectl-client-side-apply" {
		return set, nil
	}
	if err := set.FromJSON(bytes.NewReader(entry.FieldsV1.GetRawBytes())); err != nil {
		return nil, fmt.Errorf("reading which fields %s owns: %w", entry.Manager, err)
	}
	taken := marks()
	if !controller(entry.Manager) {
		for _, part := range contents() {
			taken.Insert(fieldpath.MakePathOrDie(part))
		}
	}
	set = set.RecursiveDifference(taken)
	metadata := set.WithPrefix(fieldpath.FieldNameElement("metadata"))
	for _, part := range []string{"labels", "annotations"} {
		// The map itself goes with the last mark in it.
		if metadata.WithPrefix(fieldpath.FieldNameElement(part)).Empty() {
			set = set.RecursiveDifference(fieldpath.NewSet(fieldpath.MakePathOrDie("metadata", part)))
		}
	}
	return set, nil
}

// controller reports whether the manager is a part of Kubernetes, which keeps the
// fields that it sets, such as a claim's volume.
func controller(manager string) bool {
	switch manager {
	case "kube-controller-manager", "kube-scheduler", "kube-apiserver", "kubelet", "cloud-controller-manager":
		return true
	}
	return false
}
