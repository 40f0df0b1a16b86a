package kube

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// EnsureNamespace creates the connection's namespace if it does not exist. It
// does not change a namespace that exists, and then needs no permission to create
// one. The error is an *ApplyError.
func (c *Cluster) EnsureNamespace(ctx context.Context) (created bool, err error) {
	namespaces := c.Client.CoreV1().Namespaces()
	_, err = Retry(ctx, func(ctx context.Context) (*corev1.Namespace, error) {
		return namespaces.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.Namespace}},
			metav1.CreateOptions{FieldManager: FieldManager})
	})
	if err == nil {
		return true, nil
	}
	if apierrors.IsAlreadyExists(err) {
		return false, nil
	}
	if apierrors.IsForbidden(err) {
		if _, missing := namespaces.Get(ctx, c.Namespace, metav1.GetOptions{}); missing == nil {
			return false, nil
		}
	}
	return false, &ApplyError{Ref: Ref{Kind: "Namespace", Name: c.Namespace}, Err: err}
}

// NamespaceMissing reports whether err is the API server's answer to a request in
// a namespace that does not exist.
func NamespaceMissing(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || !apierrors.IsNotFound(err) {
		return false
	}
	details := status.Status().Details
	return details != nil && details.Kind == "namespaces"
}
