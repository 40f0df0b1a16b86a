package cluster

import (
	"context"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/discovery"
)

// Version asks the API server for its version.
func (c *Cluster) Version(ctx context.Context) (*version.Info, error) {
	server := discovery.ToServerVersionInterfaceWithContext(c.Client.Discovery())
	return retried(ctx, server.ServerVersionWithContext)
}

// Admits asks the API server to go through with creating the pod and not to
// keep it: authorization, Pod Security, quota, limit ranges and webhooks all
// have their say. The error is the server's refusal, nil if it would take it.
// See https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run
func (c *Cluster) Admits(ctx context.Context, pod *corev1.Pod) error {
	_, err := retried(ctx, func(ctx context.Context) (*corev1.Pod, error) {
		return c.Client.CoreV1().Pods(c.Namespace).Create(ctx, pod, metav1.CreateOptions{
			DryRun: []string{metav1.DryRunAll}, FieldManager: FieldManager,
		})
	})
	return err
}

// StorageClasses lists the cluster's storage classes.
func (c *Cluster) StorageClasses(ctx context.Context) ([]storagev1.StorageClass, error) {
	list, err := retried(ctx, func(ctx context.Context) (*storagev1.StorageClassList, error) {
		return c.Client.StorageV1().StorageClasses().List(ctx, metav1.ListOptions{})
	})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// PersistentVolumes lists the cluster's volumes.
func (c *Cluster) PersistentVolumes(ctx context.Context) ([]corev1.PersistentVolume, error) {
	list, err := retried(ctx, func(ctx context.Context) (*corev1.PersistentVolumeList, error) {
		return c.Client.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{})
	})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// Node reads a node; nil without an error where there is none of that name.
func (c *Cluster) Node(ctx context.Context, name string) (*corev1.Node, error) {
	return read(ctx, c.Client.CoreV1().Nodes(), name)
}

// SecretKeys are the names of what a Secret of the namespace holds; exists is
// false where there is none.
func (c *Cluster) SecretKeys(ctx context.Context, name string) (keys []string, exists bool, err error) {
	secret, err := read(ctx, c.Client.CoreV1().Secrets(c.Namespace), name)
	if secret == nil || err != nil {
		return nil, false, err
	}
	return slices.Sorted(maps.Keys(secret.Data)), true, nil
}
