package kube

import (
	"fmt"
	"strings"
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
