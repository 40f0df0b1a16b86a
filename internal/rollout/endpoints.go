package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/dindctl/dindctl/internal/kube"
)

// WaitEndpoint waits until the Service routes to the pod: until an EndpointSlice
// lists the pod as ready. The nodes' proxies follow within their sync period,
// which the API does not show. The errors are those of WaitReady.
func WaitEndpoint(ctx context.Context, c *kube.Cluster, service string, pod *corev1.Pod) error {
	began := time.Now()
	slices := endpointSource(c, service)
	known := map[types.UID]*discoveryv1.EndpointSlice{}
	// First without a watch: usually the Service already routes to the pod.
	objects, version, err := slices.list(ctx)
	if err != nil && kube.Permanent(err) {
		return &WatchError{Resource: slices.name, Err: err}
	}
	if RoutesTo(objects, pod) {
		return nil
	}
	listed := err == nil
	for _, object := range objects {
		slice := object.(*discoveryv1.EndpointSlice)
		known[slice.UID] = slice
	}
	slices.options.ResourceVersion = version
	err = until(ctx, []source{slices}, func(o observation) (more []source, done bool, err error) {
		if o.complete {
			clear(known)
			listed = true
		} else {
			o.objects = []runtime.Object{o.object}
		}
		for _, object := range o.objects {
			slice := object.(*discoveryv1.EndpointSlice)
			if o.deleted {
				delete(known, slice.UID)
				continue
			}
			known[slice.UID] = slice
		}
		for _, slice := range known {
			if routesTo(slice, pod.UID) {
				return nil, true, nil
			}
		}
		return nil, false, nil
	})
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
		ref := c.Ref("Service", service)
		status := Status{Now: "waiting for the API server"}
		if listed {
			status.Cause = NoEndpoint(ref, pod.Name)
		}
		return notReady(ctx, c, ref, status, began)
	}
	return err
}

// Endpoints lists the EndpointSlices of a Service.
func Endpoints(ctx context.Context, c *kube.Cluster, service string) ([]runtime.Object, error) {
	objects, _, err := endpointSource(c, service).list(ctx)
	return objects, err
}

// RoutesTo reports whether one of the EndpointSlices lists the pod as ready.
func RoutesTo(slices []runtime.Object, pod *corev1.Pod) bool {
	for _, object := range slices {
		if slice, is := object.(*discoveryv1.EndpointSlice); is && routesTo(slice, pod.UID) {
			return true
		}
	}
	return false
}

// NoEndpoint returns the cause for a Service that does not route to a ready pod.
func NoEndpoint(service kube.Ref, pod string) *Cause {
	return &Cause{
		Reason: "NoEndpoint", Object: service,
		Message: fmt.Sprintf("The Service does not route to the pod %s: jobs cannot reach the daemon by its name.", pod),
		Hint:    "`dindctl install` repairs the Service's selector and port.",
	}
}

func routesTo(slice *discoveryv1.EndpointSlice, pod types.UID) bool {
	for _, endpoint := range slice.Endpoints {
		ready := endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready
		if ready && endpoint.TargetRef != nil && endpoint.TargetRef.UID == pod {
			return true
		}
	}
	return false
}

func endpointSource(c *kube.Cluster, service string) source {
	slices, options := c.Client.DiscoveryV1().EndpointSlices(c.Namespace), kube.ByLabels(map[string]string{discoveryv1.LabelServiceName: service})
	return source{
		name: "endpointslices", open: slices.Watch, options: options,
		list: func(ctx context.Context) ([]runtime.Object, string, error) {
			found, err := kube.List(ctx, slices.List, options)
			return pointers[*discoveryv1.EndpointSlice](found.Items), found.ResourceVersion, err
		},
	}
}
