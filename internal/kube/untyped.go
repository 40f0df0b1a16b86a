package kube

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

// PodMonitors is the resource of Prometheus Operator that tells Prometheus which pods to
// scrape. A cluster serves it only if the operator is installed. See
// https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.PodMonitor
var PodMonitors = schema.GroupVersionResource{Group: "monitoring.coreos.com", Version: "v1", Resource: "podmonitors"}

// Serves reports whether the API server serves the resource.
func (c *Cluster) Serves(ctx context.Context, resource schema.GroupVersionResource) (bool, error) {
	list, err := Retry(ctx, func(context.Context) (*metav1.APIResourceList, error) {
		return c.Client.Discovery().ServerResourcesForGroupVersion(resource.GroupVersion().String())
	})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, served := range list.APIResources {
		if served.Name == resource.Resource {
			return true, nil
		}
	}
	return false, nil
}

// untyped returns the client for a resource for which client-go has no type.
func (c *Cluster) untyped(resource schema.GroupVersionResource, namespace string) Client {
	client := untypedClient{c.Dynamic.Resource(resource).Namespace(namespace)}
	return untypedAdapter{adapter[unstructured.Unstructured, unstructured.Unstructured]{client}}
}

// untypedAdapter is an adapter that accepts any apply configuration. Its kinds are not
// exclusive, so a version is never required.
type untypedAdapter struct {
	adapter[unstructured.Unstructured, unstructured.Unstructured]
}

func (a untypedAdapter) Apply(ctx context.Context, config any, version string, dryRun bool) (metav1.Object, error) {
	fields, err := Fields(config)
	if err != nil {
		return nil, err
	}
	return a.adapter.Apply(ctx, &unstructured.Unstructured{Object: fields}, version, dryRun)
}

// untypedClient makes a dynamic client a typedClient.
type untypedClient struct{ dynamic.ResourceInterface }

func (c untypedClient) Get(ctx context.Context, name string, opts metav1.GetOptions) (*unstructured.Unstructured, error) {
	return c.ResourceInterface.Get(ctx, name, opts)
}

func (c untypedClient) Create(ctx context.Context, object *unstructured.Unstructured, opts metav1.CreateOptions) (*unstructured.Unstructured, error) {
	return c.ResourceInterface.Create(ctx, object, opts)
}

func (c untypedClient) Apply(ctx context.Context, want *unstructured.Unstructured, opts metav1.ApplyOptions) (*unstructured.Unstructured, error) {
	return c.ResourceInterface.Apply(ctx, want.GetName(), want, opts)
}

func (c untypedClient) Delete(ctx context.Context, name string, opts metav1.DeleteOptions) error {
	return c.ResourceInterface.Delete(ctx, name, opts)
}
