package rollout

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/kube"
)

// slice is an EndpointSlice of the Service with one endpoint.
func slice(name string, pod types.UID, ready *bool) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ci", UID: types.UID(name), ResourceVersion: "6",
			Labels: map[string]string{discoveryv1.LabelServiceName: "d"}},
		Ports: []discoveryv1.EndpointPort{{Port: new(int32(2375))}},
		Endpoints: []discoveryv1.Endpoint{{
			TargetRef: &corev1.ObjectReference{Kind: "Pod", UID: pod}, Conditions: discoveryv1.EndpointConditions{Ready: ready},
		}},
	}
}

// sliceServer lists EndpointSlices, and sends changes to watches.
type sliceServer struct {
	client  *fake.Clientset
	watches *watch.RaceFreeFakeWatcher

	mu    sync.Mutex
	there []*discoveryv1.EndpointSlice
}

func newSliceServer(there ...*discoveryv1.EndpointSlice) *sliceServer {
	s := &sliceServer{client: &fake.Clientset{}, there: there, watches: watch.NewRaceFreeFake()}
	s.client.AddReactor("list", "endpointslices", func(ktesting.Action) (bool, runtime.Object, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		list := &discoveryv1.EndpointSliceList{ListMeta: metav1.ListMeta{ResourceVersion: "5"}}
		for _, slice := range s.there {
			list.Items = append(list.Items, *slice)
		}
		return true, list, nil
	})
	s.client.AddWatchReactor("endpointslices", func(ktesting.Action) (bool, watch.Interface, error) { return true, s.watches, nil })
	return s
}

func (s *sliceServer) cluster() *kube.Cluster {
	return &kube.Cluster{Client: s.client, Namespace: "ci"}
}

// selectors returns the requests for EndpointSlices with their selectors.
func (s *sliceServer) selectors() (all []string) {
	for _, action := range s.client.Actions() {
		switch action := action.(type) {
		case ktesting.ListActionImpl:
			all = append(all, "list "+action.ListOptions.LabelSelector)
		case ktesting.WatchActionImpl:
			all = append(all, "watch "+action.ListOptions.LabelSelector+" "+action.ListOptions.ResourceVersion)
		}
	}
	return all
}

func TestWaitEndpoint(t *testing.T) {
	const listed, watched = "list kubernetes.io/service-name=d", "watch kubernetes.io/service-name=d 5"
	const never = "service/d is not ready after 30s: The Service does not route to port 2375 of the pod new: jobs cannot reach the daemon by its name."
	tests := []struct {
		name      string
		there     []*discoveryv1.EndpointSlice
		meanwhile func(*watch.RaceFreeFakeWatcher) // after three seconds
		took      time.Duration
		want      string // the error
		asked     []string
	}{
		{"ready at once", []*discoveryv1.EndpointSlice{slice("a", "other", nil), slice("b", "new", new(true))}, nil, 0, "", []string{listed}},
		{"an endpoint without the condition is ready", []*discoveryv1.EndpointSlice{slice("a", "new", nil)}, nil, 0, "", []string{listed}},
		{"ready later", []*discoveryv1.EndpointSlice{slice("a", "new", new(false))}, func(w *watch.RaceFreeFakeWatcher) {
			w.Modify(slice("a", "new", new(true)))
		}, 3 * time.Second, "", []string{listed, watched}},
		{"a slice is created", nil, func(w *watch.RaceFreeFakeWatcher) {
			w.Add(slice("a", "other", new(true)))
			time.Sleep(time.Second)
			w.Add(slice("b", "new", new(true)))
		}, 4 * time.Second, "", []string{listed, watched}},
		{"there is no slice", nil, nil, 30 * time.Second, never, []string{listed, watched}},
		{"the pod is never ready", []*discoveryv1.EndpointSlice{slice("a", "new", new(false))}, nil, 30 * time.Second, never, []string{listed, watched}},
		{"an earlier pod of that name", []*discoveryv1.EndpointSlice{slice("a", "old", new(true))}, nil, 30 * time.Second, never, []string{listed, watched}},
		// The last event about a slice has its state before the deletion.
		{"a slice is deleted", []*discoveryv1.EndpointSlice{slice("a", "new", new(false))}, func(w *watch.RaceFreeFakeWatcher) {
			w.Delete(slice("a", "new", new(true)))
		}, 30 * time.Second, never, []string{listed, watched}},
		{"a slice is deleted, another one is created", []*discoveryv1.EndpointSlice{slice("a", "new", new(false))}, func(w *watch.RaceFreeFakeWatcher) {
			w.Delete(slice("a", "new", new(true)))
			time.Sleep(time.Second)
			w.Add(slice("b", "new", new(true)))
		}, 4 * time.Second, "", []string{listed, watched}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSliceServer(test.there...)
				if test.meanwhile != nil {
					go func() {
						time.Sleep(3 * time.Second)
						test.meanwhile(s.watches)
					}()
				}
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				began := time.Now()
				err := WaitEndpoint(ctx, s.cluster(), "d", pod("new", 0), 2375)
				if took := time.Since(began); took != test.took {
					t.Errorf("took %s, want %s", took, test.took)
				}
				if text(err) != test.want {
					t.Errorf("got  %q\nwant %q", text(err), test.want)
				}
				if failure, is := errors.AsType[*NotReadyError](err); err != nil && (!is || failure.Cause == nil ||
					failure.Cause.Reason != "NoEndpoint" || failure.Cause.Object != (kube.Ref{Kind: "Service", Namespace: "ci", Name: "d"}) ||
					failure.Cause.Hint == "" || failure.After != test.took) {
					t.Errorf("got %+v", err)
				}
				if got := s.selectors(); !slices.Equal(got, test.asked) {
					t.Errorf("asked %q, want %q", got, test.asked)
				}
			})
		})
	}
}

// The slice that routes to the pod is created between two watches.
func TestWaitEndpointListsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSliceServer(slice("a", "new", new(false)))
		go func() {
			time.Sleep(3 * time.Second)
			s.mu.Lock()
			s.there = []*discoveryv1.EndpointSlice{slice("b", "new", new(true))}
			s.mu.Unlock()
			s.watches.Error(&errGone.ErrStatus)
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		began := time.Now()
		if err := WaitEndpoint(ctx, s.cluster(), "d", pod("new", 0), 2375); err != nil || time.Since(began) > 4*time.Second {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
	})
}

func TestWaitEndpointStops(t *testing.T) {
	t.Run("cancelled", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			err := WaitEndpoint(ctx, newSliceServer().cluster(), "d", pod("new", 0), 2375)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want a cancellation", err)
			}
		})
	})
	for name, refuse := range map[string]func(*fake.Clientset){
		"may not list": func(client *fake.Clientset) {
			client.PrependReactor("list", "*", func(ktesting.Action) (bool, runtime.Object, error) { return true, nil, errForbidden })
		},
		"may not watch": func(client *fake.Clientset) {
			client.PrependWatchReactor("*", func(ktesting.Action) (bool, watch.Interface, error) { return true, nil, errForbidden })
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSliceServer()
				refuse(s.client)
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				err := WaitEndpoint(ctx, s.cluster(), "d", pod("new", 0), 2375)
				failure, is := errors.AsType[*WatchError](err)
				if !is || failure.Resource != "endpointslices" || !errors.Is(err, errForbidden) || ctx.Err() != nil {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestRoutesTo(t *testing.T) {
	aimless := slice("a", "new", nil)
	aimless.Endpoints[0].TargetRef = nil
	second := slice("a", "other", new(true))
	second.Endpoints = append(second.Endpoints, slice("", "new", new(true)).Endpoints...)
	otherPort := slice("a", "new", nil)
	otherPort.Ports[0].Port = new(int32(9999))
	tests := []struct {
		name   string
		slices []runtime.Object
		want   bool
	}{
		{"none", nil, false},
		{"ready", []runtime.Object{slice("a", "new", new(true))}, true},
		{"without the condition", []runtime.Object{slice("a", "new", nil)}, true},
		{"not ready", []runtime.Object{slice("a", "new", new(false))}, false},
		{"another pod", []runtime.Object{slice("a", "other", new(true))}, false},
		{"no pod at all", []runtime.Object{aimless}, false},
		{"the second endpoint", []runtime.Object{second}, true},
		{"the second slice", []runtime.Object{slice("a", "other", nil), slice("b", "new", nil)}, true},
		{"another port", []runtime.Object{otherPort}, false},
		{"something else", []runtime.Object{pod("new", 0)}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := RoutesTo(test.slices, pod("new", 0), 2375); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestOtherBackends(t *testing.T) {
	named := func(pod types.UID, ready *bool) *discoveryv1.EndpointSlice {
		s := slice("a", pod, ready)
		s.Endpoints[0].TargetRef.Name = string(pod)
		return s
	}
	address := slice("a", "", nil)
	address.Endpoints[0].TargetRef, address.Endpoints[0].Addresses = nil, []string{"10.0.0.7"}
	for _, test := range []struct {
		name   string
		slices []runtime.Object
		want   []string
	}{
		{"only the pod", []runtime.Object{named("new", nil), named("new", new(true))}, nil},
		{"another pod, by two families", []runtime.Object{named("new", nil), named("other", nil), named("other", nil)}, []string{"pod other"}},
		{"another pod that is not ready", []runtime.Object{named("new", nil), named("other", new(false))}, nil},
		{"an address without a pod", []runtime.Object{address}, []string{"10.0.0.7"}},
		{"something else", []runtime.Object{pod("other", 0)}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := OtherBackends(test.slices, pod("new", 0)); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestEndpoints(t *testing.T) {
	s := newSliceServer(slice("a", "new", nil), slice("b", "other", nil))
	found, err := Endpoints(t.Context(), s.cluster(), "d")
	if err != nil || len(found) != 2 || !slices.Equal(s.selectors(), []string{"list kubernetes.io/service-name=d"}) {
		t.Errorf("got %d slices, %v after %q", len(found), err, s.selectors())
	}
	s.client.PrependReactor("list", "*", func(ktesting.Action) (bool, runtime.Object, error) { return true, nil, errForbidden })
	if found, err := Endpoints(t.Context(), s.cluster(), "d"); found != nil || !errors.Is(err, errForbidden) {
		t.Errorf("refused: got %v, %v", found, err)
	}
}
