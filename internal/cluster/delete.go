package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// DeleteError says which object could not be deleted. Err is the server's
// answer, or ctx's error when it did not go in time.
type DeleteError struct {
	Ref Ref
	Err error
	// Waiting holds the finalizers that still keep the object; empty when the
	// request itself failed.
	Waiting []string
}

func (e *DeleteError) Error() string {
	if len(e.Waiting) > 0 {
		return fmt.Sprintf("deleting %s: it still waits for %v: %v", e.Ref, e.Waiting, e.Err)
	}
	return fmt.Sprintf("deleting %s: %v", e.Ref, e.Err)
}

// Unwrap gives the cause.
func (e *DeleteError) Unwrap() error { return e.Err }

// Delete removes the objects, all at once, and returns when every one of them
// is gone, with what it owned: done is told of each. Only objects with the very
// UIDs given are removed; those that are gone already count as removed. The
// error joins a *DeleteError for each that remains.
func (c *Cluster) Delete(ctx context.Context, items []Item, done func(Ref)) error {
	failures := make([]error, len(items))
	var group errgroup.Group
	for i, item := range items {
		group.Go(func() error {
			if failures[i] = c.deleteOne(ctx, item); failures[i] == nil {
				done(item.Ref)
			}
			return nil
		})
	}
	_ = group.Wait()
	return errors.Join(failures...)
}

func (c *Cluster) deleteOne(ctx context.Context, item Item) error {
	kind, known := c.kind(item.Ref)
	if !known {
		return &DeleteError{Ref: item.Ref, Err: fmt.Errorf("no client for kind %s", item.Ref.Kind)}
	}
	uid := item.Object.GetUID()
	if err := kind.remove(ctx, item.Ref.Name, uid); err != nil {
		return &DeleteError{Ref: item.Ref, Err: err}
	}
	return kind.waitGone(ctx, item.Ref, uid)
}

// WaitGone returns when an object that somebody else deletes is gone, with what
// it owned. The error is a *DeleteError.
func (c *Cluster) WaitGone(ctx context.Context, ref Ref, uid types.UID) error {
	kind, known := c.kind(ref)
	if !known {
		return &DeleteError{Ref: ref, Err: fmt.Errorf("no client for kind %s", ref.Kind)}
	}
	return kind.waitGone(ctx, ref, uid)
}

func (k kind) waitGone(ctx context.Context, ref Ref, uid types.UID) error {
	pause := backoff()
	for {
		object, err := k.read(ctx, ref.Name)
		if err != nil {
			return &DeleteError{Ref: ref, Err: err}
		}
		if object == nil || object.GetUID() != uid {
			return nil
		}
		gone, err := k.untilGone(ctx, object)
		if gone {
			return nil
		}
		if ctx.Err() != nil {
			return &DeleteError{Ref: ref, Err: ctx.Err(), Waiting: object.GetFinalizers()}
		}
		if err != nil && permanent(err) {
			return &DeleteError{Ref: ref, Err: err}
		}
		if pause.Steps <= 1 {
			pause = backoff()
		}
		select {
		case <-time.After(pause.Step()):
		case <-ctx.Done():
		}
	}
}

// kind is what deleting needs of a typed client, with its types taken away.
type kind struct {
	remove func(ctx context.Context, name string, uid types.UID) error
	// read gives nil where there is no such object.
	read func(ctx context.Context, name string) (metav1.Object, error)
	open openWatch
}

// untilGone watches from the object's own version on until that object is
// deleted, or the watch ends.
func (k kind) untilGone(ctx context.Context, object metav1.Object) (gone bool, err error) {
	options := named(object.GetName())
	options.ResourceVersion = object.GetResourceVersion()
	_, err = follow(ctx, k.open, options, func(o observation) bool {
		gone = o.deleted && o.object.(metav1.Object).GetUID() == object.GetUID()
		return !gone
	})
	return gone, err
}

type watcher interface {
	Watch(context.Context, metav1.ListOptions) (watch.Interface, error)
}

func kindOf[T, A any](client interface {
	typedClient[T, A]
	watcher
}, propagation metav1.DeletionPropagation) kind {
	return kind{
		open: client.Watch,
		remove: func(ctx context.Context, name string, uid types.UID) error {
			return remove(ctx, client, name, uid, propagation)
		},
		read: func(ctx context.Context, name string) (metav1.Object, error) {
			object, err := read(ctx, client, name)
			if object == nil || err != nil {
				return nil, err
			}
			return any(object).(metav1.Object), nil
		},
	}
}

// kind finds the client for an object. Those that own pods are deleted in the
// foreground: their own end then means that the pods are gone too, and with
// them whoever wrote to the volume.
func (c *Cluster) kind(ref Ref) (kind, bool) {
	const foreground, background = metav1.DeletePropagationForeground, metav1.DeletePropagationBackground
	core := c.Client.CoreV1()
	switch ref.Kind {
	case "StorageClass":
		return kindOf(c.Client.StorageV1().StorageClasses(), background), true
	case "PersistentVolume":
		return kindOf(core.PersistentVolumes(), background), true
	case "PersistentVolumeClaim":
		return kindOf(core.PersistentVolumeClaims(ref.Namespace), background), true
	case "ConfigMap":
		return kindOf(core.ConfigMaps(ref.Namespace), background), true
	case "Secret":
		return kindOf(core.Secrets(ref.Namespace), background), true
	case "Deployment":
		return kindOf(c.Client.AppsV1().Deployments(ref.Namespace), foreground), true
	case "Service":
		return kindOf(core.Services(ref.Namespace), background), true
	case "CronJob":
		return kindOf(c.Client.BatchV1().CronJobs(ref.Namespace), foreground), true
	case "Job":
		return kindOf(c.Client.BatchV1().Jobs(ref.Namespace), foreground), true
	case "NetworkPolicy":
		return kindOf(c.Client.NetworkingV1().NetworkPolicies(ref.Namespace), background), true
	}
	return kind{}, false
}

// remove asks for the deletion of one object, and only of the one with this
// UID: an object of the same name that somebody made meanwhile is not ours.
func remove[T, A any](ctx context.Context, client typedClient[T, A], name string, uid types.UID, propagation metav1.DeletionPropagation) error {
	_, err := retried(ctx, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, client.Delete(ctx, name, metav1.DeleteOptions{
			Preconditions:     &metav1.Preconditions{UID: &uid},
			PropagationPolicy: &propagation,
		})
	})
	// A failed precondition means that another object has the name now: ours
	// is gone.
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}
