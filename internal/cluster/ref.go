package cluster

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Ref names one object.
type Ref struct {
	Kind      string
	Namespace string // empty for cluster-scoped kinds
	Name      string
}

// String is how kubectl prints it: deployment/docker-dind.
func (r Ref) String() string { return strings.ToLower(r.Kind) + "/" + r.Name }

// Labels that mark an object as dindctl's own, and say of which installation; see
// https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
const (
	ManagedByLabel = "app.kubernetes.io/managed-by"
	InstanceLabel  = "app.kubernetes.io/instance"
	ManagedBy      = "dindctl"
	// HomeLabel is on what is not in its installation's own namespace, and names
	// that namespace.
	HomeLabel = "dindctl/namespace"
	// FieldManager is under which name dindctl owns fields in server-side apply.
	FieldManager = "dindctl"
)

// NotOwnedError says that objects of the names dindctl uses exist and were
// made by something else. Nothing was changed.
type NotOwnedError struct {
	Refs []Ref
	// Previews say what adopting would do to those of them that can be adopted,
	// where that is known. An object of another installation of dindctl cannot.
	Previews []Applied
}

func (e *NotOwnedError) Error() string {
	names := make([]string, len(e.Refs))
	for i, r := range e.Refs {
		names[i] = r.String()
	}
	return fmt.Sprintf("%s: not made by dindctl", strings.Join(names, ", "))
}

// TerminatingError says that an object is being deleted and therefore cannot
// be used or replaced yet.
type TerminatingError struct {
	Ref        Ref
	UID        types.UID
	Finalizers []string // what the deletion waits for
}

// Passing tells that it will be gone shortly, without anybody's doing: it waits
// for nothing but the end of what it owns.
func (e *TerminatingError) Passing() bool {
	return !slices.ContainsFunc(e.Finalizers, func(f string) bool { return f != metav1.FinalizerDeleteDependents })
}

func (e *TerminatingError) Error() string {
	return fmt.Sprintf("%s is being deleted (waits for %s)", e.Ref, strings.Join(e.Finalizers, ", "))
}
