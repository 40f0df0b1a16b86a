package kube

import (
	"context"
	"errors"
	"fmt"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// DeleteError is returned for an object that could not be deleted. Err is the
// server's answer, or ctx's error if the object was not gone in time.
type DeleteError struct {
	Ref Ref
	Err error
	// Waiting holds the finalizers that still keep the object; empty if the
	// request itself failed.
	Waiting []string
}

func (e *DeleteError) Error() string {
	switch {
	case len(e.Waiting) > 0:
		return fmt.Sprintf("deleting %s: it still waits for %v: %v", e.Ref, e.Waiting, e.Err)
	case apierrors.IsConflict(e.Err):
		return fmt.Sprintf("deleting %s: another object has this name now, and was not deleted: %v", e.Ref, e.Err)
	}
	return fmt.Sprintf("deleting %s: %v", e.Ref, e.Err)
}

// Unwrap returns the cause.
func (e *DeleteError) Unwrap() error { return e.Err }

// Delete deletes the objects concurrently and returns when they and what they own
// are gone. It calls done, possibly concurrently, with the index of each object
// that is gone. It deletes no other object that has one of the names: the UIDs
// must match. The error joins a *DeleteError for each name that remains.
func (c *Cluster) Delete(ctx context.Context, items []Item, done func(n int)) error {
	failures := make([]error, len(items))
	var deleting sync.WaitGroup
	for i, item := range items {
		deleting.Go(func() {
			if failures[i] = c.deleteOne(ctx, item); failures[i] == nil {
				done(i)
			}
		})
	}
	deleting.Wait()
	return errors.Join(failures...)
}

func (c *Cluster) deleteOne(ctx context.Context, item Item) error {
	propagation := metav1.DeletePropagationBackground
	if KindOf(item.Ref.Kind).OwnsPods {
		propagation = metav1.DeletePropagationForeground
	}
	uid := item.Object.GetUID()
	if err := c.For(item.Ref).Delete(ctx, item.Ref.Name, uid, propagation); err != nil {
		return &DeleteError{Ref: item.Ref, Err: err}
	}
	return c.WaitGone(ctx, item.Ref, uid)
}

// WaitGone waits until an object that is being deleted, and what it owns, is gone.
// The error is a *DeleteError.
func (c *Cluster) WaitGone(ctx context.Context, ref Ref, uid types.UID) error {
	client, pause := c.For(ref), Backoff()
	for {
		object, err := client.Get(ctx, ref.Name)
		if err != nil {
			return &DeleteError{Ref: ref, Err: err}
		}
		if object == nil || object.GetUID() != uid {
			return nil
		}
		gone, err := untilGone(ctx, client, object)
		if gone {
			return nil
		}
		if ctx.Err() != nil {
			return &DeleteError{Ref: ref, Err: ctx.Err(), Waiting: object.GetFinalizers()}
		}
		if err != nil && Permanent(err) {
			return &DeleteError{Ref: ref, Err: err}
		}
		if pause.Steps <= 1 {
			pause = Backoff()
		}
		_ = Sleep(ctx, pause.Step())
	}
}

// untilGone watches from the object's version on until the object is deleted or
// the watch ends.
func untilGone(ctx context.Context, client Client, object metav1.Object) (gone bool, err error) {
	options := ByName(object.GetName())
	options.ResourceVersion = object.GetResourceVersion()
	_, err = Follow(ctx, client.Watch, options, func(changed runtime.Object, deleted bool) bool {
		gone = deleted && changed.(metav1.Object).GetUID() == object.GetUID()
		return !gone
	})
	return gone, err
}
