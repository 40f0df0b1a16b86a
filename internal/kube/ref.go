package kube

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Ref names one object.
type Ref struct {
	Kind      string
	Namespace string // empty for cluster-scoped kinds
	Name      string
}

// String returns the reference as kubectl prints it: deployment/docker-dind.
func (r Ref) String() string { return strings.ToLower(r.Kind) + "/" + r.Name }

// JoinRefs returns the references as a list in one line.
func JoinRefs(refs []Ref) string {
	names := make([]string, len(refs))
	for i, ref := range refs {
		names[i] = ref.String()
	}
	return strings.Join(names, ", ")
}

// ReadError is returned for an object that could not be read. Err is the API
// server's answer.
type ReadError struct {
	Ref Ref
	Err error
}

func (e *ReadError) Error() string { return fmt.Sprintf("reading %s: %v", e.Ref, e.Err) }

// Unwrap returns the API server's answer.
func (e *ReadError) Unwrap() error { return e.Err }

// ApplyError is returned for an object that the API server did not accept. Err
// is the API server's answer.
type ApplyError struct {
	Ref Ref
	Err error
}

func (e *ApplyError) Error() string { return fmt.Sprintf("applying %s: %v", e.Ref, e.Err) }

// Unwrap returns the API server's answer.
func (e *ApplyError) Unwrap() error { return e.Err }

// FieldManager is the name under which dindctl owns fields in server-side apply.
const FieldManager = "dindctl"

// Labels that mark an object as dindctl's, and name its installation. See
// https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
const (
	ManagedByLabel = "app.kubernetes.io/managed-by"
	ManagedByValue = "dindctl"
	InstanceLabel  = "app.kubernetes.io/instance"
	// OwnInstanceLabel names the installation, too, and no other tool writes it: Argo
	// CD marks what it manages by rewriting InstanceLabel. Objects of older versions do
	// not have it.
	OwnInstanceLabel = "dindctl/instance"
	// HomeLabel is on objects outside their installation's namespace, and holds
	// the name of that namespace.
	HomeLabel = "dindctl/namespace"
)

// IsManaged reports whether dindctl created or adopted the object.
func IsManaged(object metav1.Object) bool {
	labels := object.GetLabels()
	return labels[OwnInstanceLabel] != "" || labels[ManagedByLabel] == ManagedByValue
}

// InstanceOf returns the name of the installation that the object belongs to. It is ""
// for an object that dindctl does not manage, and for one that installations share.
func InstanceOf(object metav1.Object) string {
	labels := object.GetLabels()
	if instance := labels[OwnInstanceLabel]; instance != "" || !IsManaged(object) {
		return instance
	}
	return labels[InstanceLabel]
}
