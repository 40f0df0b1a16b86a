package cluster

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// EnsureNamespace creates the connection's namespace where it does not exist,
// and tells whether it did. A namespace that exists is left as it is.
func (c *Cluster) EnsureNamespace(ctx context.Context) (created bool, err error) {
	ref := Ref{Kind: "Namespace", Name: c.Namespace}
	namespaces := c.Client.CoreV1().Namespaces()
	existing, err := retried(ctx, func(ctx context.Context) (*corev1.Namespace, error) {
		return namespaces.Get(ctx, c.Namespace, metav1.GetOptions{})
	})
	switch {
	case err == nil && existing.DeletionTimestamp != nil:
		return false, &TerminatingError{Ref: ref, Finalizers: []string{"its objects"}}
	case err == nil:
		return false, nil
	case !apierrors.IsNotFound(err):
		return false, &ReadError{Ref: ref, Err: err}
	}
	_, err = retried(ctx, func(ctx context.Context) (*corev1.Namespace, error) {
		return namespaces.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.Namespace}},
			metav1.CreateOptions{FieldManager: FieldManager})
	})
	// Somebody else was faster, or our own first attempt had arrived after all.
	if apierrors.IsAlreadyExists(err) {
		return false, nil
	}
	if err != nil {
		return false, &ApplyError{Ref: ref, Err: err}
	}
	return true, nil
}
