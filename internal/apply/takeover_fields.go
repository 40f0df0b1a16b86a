package apply

import (
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/applyconfigurations"
	"k8s.io/client-go/kubernetes/scheme"

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
	raw, err := json.Marshal(taken)
	if err != nil {
		return nil, err
	}
	entries := []metav1.ManagedFieldsEntry{{
		Manager: kube.FieldManager, Operation: metav1.ManagedFieldsOperationApply,
		APIVersion: version, FieldsType: "FieldsV1", FieldsV1: newFields(raw),
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
			left, err := released(entry)
			if err != nil {
				return nil, err
			}
			if left == nil {
				continue
			}
			entry.FieldsV1 = newFields(left)
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

func isOurs(entry metav1.ManagedFieldsEntry) bool {
	return entry.Manager == kube.FieldManager && entry.Operation == metav1.ManagedFieldsOperationApply && entry.Subresource == ""
}

func newFields(raw []byte) *metav1.FieldsV1 {
	fields := &metav1.FieldsV1{}
	fields.SetRawBytes(raw)
	return fields
}

// takenFields returns the fields that dindctl takes over, in the format of
// managedFields, and their API version.
func takenFields(live metav1.Object, replaceable bool) (version string, taken map[string]any, err error) {
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
	raw, err := set.ToJSON()
	if err != nil {
		return "", nil, err
	}
	var all map[string]any
	if err := json.Unmarshal(raw, &all); err != nil {
		return "", nil, err
	}
	taken = map[string]any{}
	if replaceable {
		for _, part := range contents() {
			if fields := all["f:"+part]; fields != nil {
				taken["f:"+part] = withoutAllocated(kinds[0].Kind, fields)
			}
		}
	}
	if marks := marksOn(live); len(marks) > 0 {
		taken["f:metadata"] = marks
	}
	return version, taken, nil
}

// withoutAllocated omits the fields of a Service that the API server allocates and
// that must not be removed.
func withoutAllocated(kind string, fields any) any {
	if kind != "Service" {
		return fields
	}
	return without(fieldsOf(fields), "f:clusterIP", "f:clusterIPs", "f:ipFamilies", "f:ipFamilyPolicy", "f:healthCheckNodePort")
}

// marksOn returns the marks of tools that the object has.
func marksOn(live metav1.Object) map[string]any {
	marks := map[string]any{}
	for part, there := range map[string]map[string]string{"annotations": live.GetAnnotations(), "labels": live.GetLabels()} {
		found := map[string]any{}
		for _, key := range toolMarks(part) {
			if _, has := there[key]; has {
				found["f:"+key] = map[string]any{}
			}
		}
		if len(found) > 0 {
			marks["f:"+part] = found
		}
	}
	return marks
}

// released returns the fields that stay with the manager of an entry, nil if there
// are none. The entry of `kubectl apply` goes with its annotation.
func released(entry metav1.ManagedFieldsEntry) ([]byte, error) {
	if entry.Manager == "kubectl-client-side-apply" {
		return nil, nil
	}
	var fields map[string]any
	if err := json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields); err != nil {
		return nil, fmt.Errorf("reading which fields %s owns: %w", entry.Manager, err)
	}
	if !controller(entry.Manager) {
		for _, part := range contents() {
			delete(fields, "f:"+part)
		}
	}
	if metadata, is := fields["f:metadata"].(map[string]any); is {
		for _, part := range []string{"labels", "annotations"} {
			if marks, is := metadata["f:"+part].(map[string]any); is {
				for _, key := range toolMarks(part) {
					delete(marks, "f:"+key)
				}
				if len(without(marks, ".")) == 0 {
					delete(metadata, "f:"+part)
				}
			}
		}
		if len(metadata) == 0 {
			delete(fields, "f:metadata")
		}
	}
	if len(fields) == 0 {
		return nil, nil
	}
	return json.Marshal(fields)
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
