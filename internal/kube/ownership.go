package kube

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// FieldManager is the name under which dindctl owns fields in server-side apply.
const FieldManager = "dindctl"

// Labels that mark an object as dindctl's, and name its installation. See
// https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
const (
	ManagedByLabel = "app.kubernetes.io/managed-by"
	ManagedByValue = "dindctl"
	InstanceLabel  = "app.kubernetes.io/instance"
	// HomeLabel is on objects outside their installation's namespace, and holds
	// the name of that namespace.
	HomeLabel = "dindctl/namespace"
)

// IsManaged reports whether an object carries dindctl's label.
func IsManaged(object metav1.Object) bool {
	return object.GetLabels()[ManagedByLabel] == ManagedByValue
}
