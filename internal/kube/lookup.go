package kube

import (
	"context"
	"errors"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/discovery"
)

// Version returns the API server's version.
func (c *Cluster) Version(ctx context.Context) (*version.Info, error) {
	server := discovery.ToServerVersionInterfaceWithContext(c.Client.Discovery())
	return Retry(ctx, server.ServerVersionWithContext)
}

// DryRunPod sends a dry run of creating a pod: the API server checks
// authorization, Pod Security, quotas, limit ranges and webhooks. The error is
// the server's answer; the pod is what they made of it. See
// https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run
func (c *Cluster) DryRunPod(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	return Retry(ctx, func(ctx context.Context) (*corev1.Pod, error) {
		return c.Client.CoreV1().Pods(c.Namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: dryRunOption(true), FieldManager: FieldManager})
	})
}

// DryRunSecret sends a dry run of creating a Secret, whose name begins with name,
// in any namespace. The error is the server's answer.
func (c *Cluster) DryRunSecret(ctx context.Context, namespace, name string) error {
	_, err := Retry(ctx, func(ctx context.Context) (*corev1.Secret, error) {
		return c.Client.CoreV1().Secrets(namespace).Create(ctx,
			&corev1.Secret{ObjectMeta: metav1.ObjectMeta{GenerateName: name + "-"}},
			metav1.CreateOptions{DryRun: dryRunOption(true), FieldManager: FieldManager})
	})
	return err
}

// StorageClasses returns the cluster's storage classes.
func (c *Cluster) StorageClasses(ctx context.Context) ([]storagev1.StorageClass, error) {
	found, err := List(ctx, c.Client.StorageV1().StorageClasses().List, metav1.ListOptions{})
	return found.Items, err
}

// PersistentVolumes returns the cluster's volumes.
func (c *Cluster) PersistentVolumes(ctx context.Context) ([]corev1.PersistentVolume, error) {
	found, err := List(ctx, c.Client.CoreV1().PersistentVolumes().List, metav1.ListOptions{})
	return found.Items, err
}

// PersistentVolume returns a volume, nil without an error if there is no volume of that
// name.
func (c *Cluster) PersistentVolume(ctx context.Context, name string) (*corev1.PersistentVolume, error) {
	return get(ctx, c.Client.CoreV1().PersistentVolumes(), name)
}

// Node returns a node, nil without an error if there is no node of that name.
func (c *Cluster) Node(ctx context.Context, name string) (*corev1.Node, error) {
	return get(ctx, c.Client.CoreV1().Nodes(), name)
}

// Nodes returns the cluster's nodes.
func (c *Cluster) Nodes(ctx context.Context) ([]corev1.Node, error) {
	found, err := List(ctx, c.Client.CoreV1().Nodes().List, metav1.ListOptions{})
	return found.Items, err
}

// SecretKeys returns the sorted keys of a Secret in the namespace; exists is
// false if there is no such Secret.
func (c *Cluster) SecretKeys(ctx context.Context, name string) (keys []string, exists bool, err error) {
	secret, err := get(ctx, c.Client.CoreV1().Secrets(c.Namespace), name)
	if secret == nil || err != nil {
		return nil, false, err
	}
	return slices.Sorted(maps.Keys(secret.Data)), true, nil
}

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
