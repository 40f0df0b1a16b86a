package kube

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// Client sends requests about the objects of one kind in one namespace, and
// retries them as Retry does, except for Watch. Errors are the API server's.
type Client interface {
	// Get returns nil without an error if there is no such object.
	Get(ctx context.Context, name string) (metav1.Object, error)
	// Apply sends an apply configuration of the kind by server-side apply. It
	// takes over fields that others have changed, which reverts manual edits; the
	// caller decides before whose object it is. With a version, it fails with a
	// conflict unless the object has that version.
	Apply(ctx context.Context, config any, version string, dryRun bool) (metav1.Object, error)
	// Create fails if the object exists; server-side apply cannot do that.
	Create(ctx context.Context, config any) error
	// Patch sends a JSON Patch.
	Patch(ctx context.Context, name string, patch []byte, dryRun bool) (metav1.Object, error)
	// Delete deletes the object with that UID. It returns nil if no object has that
	// name any more, and a conflict if another object has it.
	Delete(ctx context.Context, name string, uid types.UID, propagation metav1.DeletionPropagation) error
	// Watch opens a watch; the caller stops it.
	Watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error)
}

// typedClient is what each client of client-go's typed clientset can do for
// its kind T with apply configuration A.
type typedClient[T, A any] interface {
	Get(ctx context.Context, name string, opts metav1.GetOptions) (*T, error)
	Create(ctx context.Context, object *T, opts metav1.CreateOptions) (*T, error)
	Apply(ctx context.Context, want *A, opts metav1.ApplyOptions) (*T, error)
	Patch(ctx context.Context, name string, kind types.PatchType, data []byte, opts metav1.PatchOptions, subresources ...string) (*T, error)
	Delete(ctx context.Context, name string, opts metav1.DeleteOptions) error
	Watch(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error)
}

// adapter is a Client without its types.
type adapter[T, A any] struct{ typedClient[T, A] }

func typed[T, A any](client typedClient[T, A]) Client { return adapter[T, A]{client} }

func (a adapter[T, A]) Get(ctx context.Context, name string) (metav1.Object, error) {
	object, err := get(ctx, a.typedClient, name)
	if object == nil || err != nil {
		return nil, err
	}
	return any(object).(metav1.Object), nil
}

func (a adapter[T, A]) Apply(ctx context.Context, config any, version string, dryRun bool) (metav1.Object, error) {
	want, is := config.(*A)
	if !is {
		return nil, fmt.Errorf("%T is not a %T", config, want)
	}
	if version != "" {
		fields, err := Fields(config)
		if err != nil {
			return nil, err
		}
		fields["metadata"].(map[string]any)["resourceVersion"] = version
		want = new(A)
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, want); err != nil {
			return nil, fmt.Errorf("converting %T: %w", config, err)
		}
	}
	return retryObject(ctx, func(ctx context.Context) (*T, error) {
		return a.typedClient.Apply(ctx, want, metav1.ApplyOptions{FieldManager: FieldManager, Force: true, DryRun: dryRunOption(dryRun)})
	})
}

func (a adapter[T, A]) Create(ctx context.Context, config any) error {
	fields, err := Fields(config)
	if err != nil {
		return err
	}
	object := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, object); err != nil {
		return fmt.Errorf("converting %T: %w", config, err)
	}
	_, err = Retry(ctx, func(ctx context.Context) (*T, error) {
		return a.typedClient.Create(ctx, object, metav1.CreateOptions{FieldManager: FieldManager})
	})
	return err
}

func (a adapter[T, A]) Patch(ctx context.Context, name string, patch []byte, dryRun bool) (metav1.Object, error) {
	return retryObject(ctx, func(ctx context.Context) (*T, error) {
		return a.typedClient.Patch(ctx, name, types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: FieldManager, DryRun: dryRunOption(dryRun)})
	})
}

func (a adapter[T, A]) Delete(ctx context.Context, name string, uid types.UID, propagation metav1.DeletionPropagation) error {
	_, err := Retry(ctx, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, a.typedClient.Delete(ctx, name, metav1.DeleteOptions{
			Preconditions:     &metav1.Preconditions{UID: &uid},
			PropagationPolicy: &propagation,
		})
	})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// getter is a client that reads objects of type T by name.
type getter[T any] interface {
	Get(ctx context.Context, name string, opts metav1.GetOptions) (*T, error)
}

// get returns nil without an error if there is no such object.
func get[T any](ctx context.Context, client getter[T], name string) (*T, error) {
	object, err := Retry(ctx, func(ctx context.Context) (*T, error) {
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

func retryObject[T any](ctx context.Context, request func(context.Context) (*T, error)) (metav1.Object, error) {
	object, err := Retry(ctx, request)
	if err != nil {
		return nil, err
	}
	return any(object).(metav1.Object), nil
}

// List lists objects with retries, by the List method of one of client-go's clients. On
// error the list is empty.
func List[L any](ctx context.Context, list func(context.Context, metav1.ListOptions) (*L, error), options metav1.ListOptions) (found L, err error) {
	answer, err := Retry(ctx, func(ctx context.Context) (*L, error) { return list(ctx, options) })
	if err == nil {
		found = *answer
	}
	return found, err
}

// dryRunOption is the API's option for a request that is processed, admission
// included, and not persisted. See
// https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run
func dryRunOption(dryRun bool) []string {
	if dryRun {
		return []string{metav1.DryRunAll}
	}
	return nil
}

// Fields returns an object, or an apply configuration, as the API server would
// show it in JSON.
func Fields(object any) (map[string]any, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("converting %T: %w", object, err)
	}
	return fields, nil
}
