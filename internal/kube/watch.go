package kube

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

// OpenWatch opens a watch, as the Watch methods of client-go's clients do.
type OpenWatch func(context.Context, metav1.ListOptions) (watch.Interface, error)

// Follow runs one watch until it ends and returns the version it has reached.
// It calls changed for each object that was added, modified or deleted, until
// that returns false. A nil error means that the server closed the watch
// normally, that ctx ended, or that changed returned false.
func Follow(ctx context.Context, open OpenWatch, options metav1.ListOptions, changed func(object runtime.Object, deleted bool) bool) (version string, err error) {
	version = options.ResourceVersion
	watcher, err := open(ctx, options)
	if err != nil {
		return version, err
	}
	defer watcher.Stop()
	for {
		select {
		case <-ctx.Done():
			return version, nil
		case event, open := <-watcher.ResultChan():
			if !open {
				return version, nil
			}
			if event.Type == watch.Error {
				return version, apierrors.FromObject(event.Object)
			}
			if object, err := meta.Accessor(event.Object); err == nil && object.GetResourceVersion() != "" {
				version = object.GetResourceVersion()
			}
			if event.Type == watch.Bookmark {
				continue
			}
			if !changed(event.Object, event.Type == watch.Deleted) {
				return version, nil
			}
		}
	}
}

// Permanent reports whether a watch was refused for a reason that waiting does
// not remove.
func Permanent(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) ||
		apierrors.IsBadRequest(err) || apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err)
}

// ByName selects the object of that name.
func ByName(name string) metav1.ListOptions { return ByField("metadata.name", name) }

// ByField selects objects by the value of a field.
func ByField(field, value string) metav1.ListOptions {
	return metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector(field, value).String()}
}

// ByLabels selects the objects that have all the labels.
func ByLabels(selector map[string]string) metav1.ListOptions {
	return metav1.ListOptions{LabelSelector: labels.SelectorFromSet(selector).String()}
}
