package lifecycle

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/dindctl/dindctl/internal/apply"
	"github.com/dindctl/dindctl/internal/kube"
)

// listClasses lists the cluster's StorageClasses.
type listClasses func(context.Context) ([]storagev1.StorageClass, error)

// storageClasses returns a function that keeps the first answer of the API server. A call
// that its own context ended has none.
func (i Instance) storageClasses() listClasses {
	var (
		mu       sync.Mutex
		answered bool
		classes  []storagev1.StorageClass
		err      error
	)
	return func(ctx context.Context) ([]storagev1.StorageClass, error) {
		mu.Lock()
		defer mu.Unlock()
		if !answered {
			classes, err = i.Cluster.StorageClasses(ctx)
			answered = ctx.Err() == nil
		}
		return classes, err
	}
}

// bindsAtOnce reports whether a claim of the class binds before a pod uses it.
func bindsAtOnce(class *storagev1.StorageClass) bool {
	return class.VolumeBindingMode == nil || *class.VolumeBindingMode == storagev1.VolumeBindingImmediate
}

// bindingTime is how long the Deployment waits for its claim.
const bindingTime = 5 * time.Second

// awaitBinding returns a function that waits until a new claim is bound, if it is one that
// binds before a pod uses it: for a pod that comes earlier, the scheduler waits a second
// before it tries again. It gives up after bindingTime, because the wait for the pod explains
// what is missing.
func (i Instance) awaitBinding(list listClasses) func(context.Context, []apply.Applied) {
	return func(ctx context.Context, applied []apply.Applied) {
		ctx, cancel := context.WithTimeout(ctx, bindingTime)
		defer cancel()
		for _, a := range applied {
			if claim, is := a.Object.(*corev1.PersistentVolumeClaim); is && a.Change == apply.Created && !bound(claim) {
				classes, err := list(ctx)
				if class := chooseClass(classes, className(claim)); err == nil && class != nil && bindsAtOnce(class) {
					i.untilBound(ctx, claim)
				}
			}
		}
	}
}

func (i Instance) untilBound(ctx context.Context, claim *corev1.PersistentVolumeClaim) {
	options := kube.ByName(claim.Name)
	options.ResourceVersion = claim.ResourceVersion
	_, _ = kube.Follow(ctx, i.Cluster.Client.CoreV1().PersistentVolumeClaims(claim.Namespace).Watch, options, func(object runtime.Object, deleted bool) bool {
		now, is := object.(*corev1.PersistentVolumeClaim)
		return is && !deleted && !bound(now)
	})
}

func bound(claim *corev1.PersistentVolumeClaim) bool { return claim.Status.Phase == corev1.ClaimBound }
