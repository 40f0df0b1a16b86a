package cluster

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	appsv1 "k8s.io/client-go/applyconfigurations/apps/v1"
	batchv1 "k8s.io/client-go/applyconfigurations/batch/v1"
	corev1 "k8s.io/client-go/applyconfigurations/core/v1"
	networkingv1 "k8s.io/client-go/applyconfigurations/networking/v1"
	storagev1 "k8s.io/client-go/applyconfigurations/storage/v1"
)

// typedClient is what every client of client-go's typed clientset can do for
// its kind T with apply configuration A.
type typedClient[T, A any] interface {
	Get(ctx context.Context, name string, opts metav1.GetOptions) (*T, error)
	Apply(ctx context.Context, want *A, opts metav1.ApplyOptions) (*T, error)
	Patch(ctx context.Context, name string, kind types.PatchType, data []byte, opts metav1.PatchOptions, subresources ...string) (*T, error)
	Delete(ctx context.Context, name string, opts metav1.DeleteOptions) error
}

// Desired is an object as it should be, of whatever kind.
type Desired struct {
	Ref
	want any
	// apply and patch send one request; one that is a trial is gone through
	// with, admission included, and not kept.
	apply func(ctx context.Context, trial bool) (metav1.Object, error)
	patch func(ctx context.Context, patch []byte, trial bool) (metav1.Object, error) // JSON Patch
	read  func(ctx context.Context) (metav1.Object, error)
	// create and at are set for what two runs at once must not both make: create
	// fails where there is an object, at gives the wish for one version of it.
	create func(ctx context.Context) error
	at     func(version string) Desired
	// last is applied after everything it was made from.
	last bool
}

func desired[T, A any](kind, namespace string, name *string, client typedClient[T, A], want *A) Desired {
	return Desired{
		Ref:  Ref{Kind: kind, Namespace: namespace, Name: *name},
		want: want,
		apply: func(ctx context.Context, trial bool) (metav1.Object, error) {
			// Force takes over fields that somebody changed by hand in an object
			// that is ours: that is how drift is repaired. Whose object it is
			// has been decided before.
			applied, err := client.Apply(ctx, want, metav1.ApplyOptions{FieldManager: FieldManager, Force: true, DryRun: dryRun(trial)})
			if err != nil {
				return nil, err
			}
			return any(applied).(metav1.Object), nil
		},
		patch: func(ctx context.Context, patch []byte, trial bool) (metav1.Object, error) {
			patched, err := client.Patch(ctx, *name, types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: FieldManager, DryRun: dryRun(trial)})
			if err != nil {
				return nil, err
			}
			return any(patched).(metav1.Object), nil
		},
		read: func(ctx context.Context) (metav1.Object, error) {
			object, err := read(ctx, client, *name)
			if object == nil || err != nil {
				return nil, err
			}
			return any(object).(metav1.Object), nil
		},
	}
}

// dryRun is what the API takes for a request that is not to be kept. See
// https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run
func dryRun(trial bool) []string {
	if trial {
		return []string{metav1.DryRunAll}
	}
	return nil
}

// StorageClass binds a wanted StorageClass to the cluster.
func (c *Cluster) StorageClass(want *storagev1.StorageClassApplyConfiguration) Desired {
	return desired("StorageClass", "", want.Name, c.Client.StorageV1().StorageClasses(), want)
}

// PersistentVolume binds a wanted PersistentVolume to the cluster.
func (c *Cluster) PersistentVolume(want *corev1.PersistentVolumeApplyConfiguration) Desired {
	return desired("PersistentVolume", "", want.Name, c.Client.CoreV1().PersistentVolumes(), want)
}

// PersistentVolumeClaim binds a wanted claim to the cluster.
func (c *Cluster) PersistentVolumeClaim(want *corev1.PersistentVolumeClaimApplyConfiguration) Desired {
	return desired("PersistentVolumeClaim", c.Namespace, want.Name, c.Client.CoreV1().PersistentVolumeClaims(c.Namespace), want)
}

// ConfigMap binds a wanted ConfigMap to the cluster.
func (c *Cluster) ConfigMap(want *corev1.ConfigMapApplyConfiguration) Desired {
	return desired("ConfigMap", c.Namespace, want.Name, c.Client.CoreV1().ConfigMaps(c.Namespace), want)
}

// Deployment binds a wanted Deployment to the cluster.
func (c *Cluster) Deployment(want *appsv1.DeploymentApplyConfiguration) Desired {
	return desired("Deployment", c.Namespace, want.Name, c.Client.AppsV1().Deployments(c.Namespace), want)
}

// Service binds a wanted Service to the cluster.
func (c *Cluster) Service(want *corev1.ServiceApplyConfiguration) Desired {
	return desired("Service", c.Namespace, want.Name, c.Client.CoreV1().Services(c.Namespace), want)
}

// CronJob binds a wanted CronJob to the cluster.
func (c *Cluster) CronJob(want *batchv1.CronJobApplyConfiguration) Desired {
	return desired("CronJob", c.Namespace, want.Name, c.Client.BatchV1().CronJobs(c.Namespace), want)
}

// NetworkPolicy binds a wanted NetworkPolicy to the cluster.
func (c *Cluster) NetworkPolicy(want *networkingv1.NetworkPolicyApplyConfiguration) Desired {
	return desired("NetworkPolicy", c.Namespace, want.Name, c.Client.NetworkingV1().NetworkPolicies(c.Namespace), want)
}

// asMap gives an object as the JSON that the API server would show.
func asMap(object any) (map[string]any, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("converting %T: %w", object, err)
	}
	return fields, nil
}

// read gets an object; nil without an error where there is none.
func read[T, A any](ctx context.Context, client typedClient[T, A], name string) (*T, error) {
	object, err := retried(ctx, func(ctx context.Context) (*T, error) {
		return client.Get(ctx, name, metav1.GetOptions{})
	})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return object, nil
}
