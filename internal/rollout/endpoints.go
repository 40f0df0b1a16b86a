package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/dindctl/dindctl/internal/kube"
)

// WaitEndpoint waits until the Service routes to that port of the pod: until an
// EndpointSlice lists both, and the pod as ready. The nodes' proxies follow within
// their sync period, which the API does not show. The errors are those of WaitReady.
func WaitEndpoint(ctx context.Context, c *kube.Cluster, service string, pod *corev1.Pod, port int32) error {
	began := time.Now()
	endpoints := endpointSource(c, service)
	known := map[types.UID]*discoveryv1.EndpointSlice{}
	// First without a watch: usually the Service already routes to the pod.
	objects, version, err := endpoints.list(ctx)
	if err != nil && kube.Permanent(err) {
		return &WatchError{Resource: endpoints.name, Err: err}
	}
	if RoutesTo(objects, pod, port) {
		return nil
	}
	listed := err == nil
	for _, object := range objects {
		slice := object.(*discoveryv1.EndpointSlice)
		known[slice.UID] = slice
	}
	endpoints.options.ResourceVersion = version
	err = until(ctx, []source{endpoints}, func(o observation) (more []source, done bool, err error) {
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
			if routesTo(slice, pod.UID, port) {
				return nil, true, nil
			}
		}
		return nil, false, nil
	})
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
		ref := c.Ref("Service", service)
		status := Status{Now: "waiting for the API server"}
		if listed {
			status.Cause = NoEndpoint(ref, pod.Name, port)
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

// RoutesTo reports whether one of the EndpointSlices lists that port and the pod as
// ready.
func RoutesTo(slices []runtime.Object, pod *corev1.Pod, port int32) bool {
	for _, object := range slices {
		if slice, is := object.(*discoveryv1.EndpointSlice); is && routesTo(slice, pod.UID, port) {
			return true
		}
	}
	return false
}

// OtherBackends returns the ready endpoints that are not the pod: their pods' names, or
// addresses where they have no pod.
func OtherBackends(objects []runtime.Object, pod *corev1.Pod) (others []string) {
	for _, object := range objects {
		slice, is := object.(*discoveryv1.EndpointSlice)
		if !is {
			continue
		}
		for _, endpoint := range slice.Endpoints {
			name := strings.Join(endpoint.Addresses, ",")
			if endpoint.TargetRef != nil {
				name = "pod " + endpoint.TargetRef.Name
			}
			same := endpoint.TargetRef != nil && endpoint.TargetRef.UID == pod.UID
			// A dual-stack Service lists each pod twice.
			if serves(endpoint) && !same && !slices.Contains(others, name) {
				others = append(others, name)
			}
		}
	}
	return others
}

// NoEndpoint returns the cause for a Service that does not route to a ready pod.
func NoEndpoint(service kube.Ref, pod string, port int32) *Cause {
	return &Cause{
		Reason: "NoEndpoint", Object: service,
		Message: fmt.Sprintf("The Service does not route to port %d of the pod %s: jobs cannot reach the daemon by its name.", port, pod),
		Hint:    "`dindctl install` repairs the Service's selector and port.",
	}
}

func routesTo(slice *discoveryv1.EndpointSlice, pod types.UID, port int32) bool {
	listed := slices.ContainsFunc(slice.Ports, func(p discoveryv1.EndpointPort) bool { return p.Port != nil && *p.Port == port })
	return listed && slices.ContainsFunc(slice.Endpoints, func(endpoint discoveryv1.Endpoint) bool {
		return serves(endpoint) && endpoint.TargetRef != nil && endpoint.TargetRef.UID == pod
	})
}

func serves(endpoint discoveryv1.Endpoint) bool {
	return endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready
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
