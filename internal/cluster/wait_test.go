package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
)

// scene is an API server as watchers see it: each watch begins with what is
// there, and the test changes that and cuts watches as it likes.
type scene struct {
	client *fake.Clientset

	mu      sync.Mutex
	objects map[string][]runtime.Object // by resource
	open    map[string][]*watch.RaceFreeFakeWatcher
	refuse  map[string]error
}

// newScene holds the view's objects.
func newScene(v View, more ...runtime.Object) *scene {
	s := &scene{
		client:  &fake.Clientset{},
		objects: map[string][]runtime.Object{}, open: map[string][]*watch.RaceFreeFakeWatcher{},
		refuse: map[string]error{},
	}
	s.client.AddWatchReactor("*", s.watch)
	if v.Deployment != nil {
		s.add(v.Deployment)
	}
	if v.Claim != nil {
		s.add(v.Claim)
	}
	for _, pod := range v.Pods {
		s.add(pod)
	}
	for i, event := range v.Events {
		event.UID = event.InvolvedObject.UID + "-event-" + event.UID
		s.add(v.Events[i])
	}
	for _, object := range more {
		s.add(object)
	}
	return s
}

func (s *scene) cluster() *Cluster { return &Cluster{Client: s.client, Namespace: "ci"} }

func resourceOf(object runtime.Object) string {
	name := strings.TrimPrefix(strings.ToLower(fmt.Sprintf("%T", object)), "*v1.")
	return name + "s"
}

func (s *scene) add(object runtime.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[resourceOf(object)] = append(s.objects[resourceOf(object)], object)
}

func (s *scene) watch(action ktesting.Action) (bool, watch.Interface, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	resource := action.GetResource().Resource
	if err := s.refuse[resource]; err != nil {
		return true, nil, err
	}
	w := watch.NewRaceFreeFake()
	selector := action.(ktesting.WatchActionImpl).ListOptions.FieldSelector
	for _, object := range s.objects[resource] {
		if event, is := object.(*corev1.Event); is && selector != "involvedObject.uid="+string(event.InvolvedObject.UID) {
			continue
		}
		w.Add(object.DeepCopyObject())
	}
	s.open[resource] = append(s.open[resource], w)
	return true, w, nil
}

// change has the object in the place of the one with its name, or beside what
// is there, and tells those that watch.
func (s *scene) change(object runtime.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	resource := resourceOf(object)
	s.objects[resource] = append(s.without(object), object)
	for _, w := range s.open[resource] {
		w.Modify(object.DeepCopyObject())
	}
}

// remove takes the object away and tells those that watch.
func (s *scene) remove(object runtime.Object) {
	s.forget(object)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.open[resourceOf(object)] {
		w.Delete(object.DeepCopyObject())
	}
}

// forget takes the object away while nobody looks.
func (s *scene) forget(object runtime.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[resourceOf(object)] = s.without(object)
}

func (s *scene) without(object runtime.Object) []runtime.Object {
	return slices.DeleteFunc(slices.Clone(s.objects[resourceOf(object)]), func(other runtime.Object) bool {
		return accessor(other).GetName() == accessor(object).GetName()
	})
}

// cut ends all watches of a resource.
func (s *scene) cut(resource string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.open[resource] {
		w.Stop()
	}
	s.open[resource] = nil
}

// watched gives the selectors of the watches of a resource.
func (s *scene) watched(resource string) []string {
	var selectors []string
	for _, action := range s.client.Actions() {
		if action.Matches("watch", resource) {
			options := action.(ktesting.WatchActionImpl).ListOptions
			selectors = append(selectors, options.FieldSelector+options.LabelSelector)
		}
	}
	return selectors
}

func accessor(object runtime.Object) metav1.Object {
	found, err := meta.Accessor(object)
	if err != nil {
		panic(err)
	}
	return found
}

// starting is a rollout whose pod has not come up yet.
func starting() View {
	v := healthy()
	unready(v.Pods[0])
	v.Deployment.Status.AvailableReplicas = 0
	return v
}

var rollout = Rollout{Deployment: "d", Generation: 2, Selector: map[string]string{"app": "d"}, Claim: "d-data"}

// waitReady waits for half a minute while the test changes the scene.
func waitReady(t *testing.T, s *scene, meanwhile func()) (pod *corev1.Pod, told []Verdict, took time.Duration, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	began := time.Now()
	if meanwhile != nil {
		go meanwhile()
	}
	pod, err = s.cluster().WaitReady(ctx, rollout, func(v Verdict) { told = append(told, v) })
	return pod, told, time.Since(began), err
}

func TestWaitReadyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(healthy())
		pod, told, took, err := waitReady(t, s, nil)
		if err != nil || pod == nil || pod.Name != "new" || took != 0 {
			t.Fatalf("got pod %v after %s: %v", pod, took, err)
		}
		if last := told[len(told)-1]; !last.Ready || last.Now != "pod new is ready" {
			t.Errorf("told %+v last", last)
		}
		for resource, want := range map[string][]string{
			"deployments":            {"metadata.name=d"},
			"persistentvolumeclaims": {"metadata.name=d-data"},
			"pods":                   {"app=d"},
			"events":                 nil, // of nothing: nothing was in trouble
		} {
			if got := s.watched(resource); !slices.Equal(got, want) {
				t.Errorf("watched %s with %q, want %q", resource, got, want)
			}
		}
	})
}

func TestWaitReadyInTime(t *testing.T) {
	tests := []struct {
		name      string
		before    func(*View)
		meanwhile func(*scene)
		took      time.Duration
		told      string // some verdict's words or cause, on the way
	}{
		{"the pod comes up", func(v *View) { *v = starting() }, func(s *scene) {
			time.Sleep(3 * time.Second)
			s.change(healthy().Deployment)
			s.change(healthy().Pods[0])
		}, 3 * time.Second, "starting the container on node node"},
		{"the claim is bound last", func(v *View) { v.Claim.Status.Phase, v.Claim.Spec.StorageClassName = corev1.ClaimPending, new("x") }, func(s *scene) {
			time.Sleep(3 * time.Second)
			s.change(healthy().Claim)
		}, 3 * time.Second, "claim d-data waits for a volume"},
		{"an older generation is ready", func(v *View) { v.Deployment.Generation, v.Deployment.Status.ObservedGeneration = 1, 1 }, func(s *scene) {
			time.Sleep(3 * time.Second)
			s.change(healthy().Deployment)
		}, 3 * time.Second, "waiting for the deployment controller"},
		{"a cause that goes away", func(v *View) {
			*v = starting()
			unready(v.Pods[0]).State.Waiting = &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "no route to host"}
		}, func(s *scene) {
			time.Sleep(3 * time.Second)
			s.change(healthy().Deployment)
			s.change(healthy().Pods[0])
		}, 3 * time.Second, "The image docker:29 cannot be pulled: no route to host"},
		{"told by an event", func(v *View) {
			*v = starting()
			v.Events = []*corev1.Event{event("new", "FailedMount", "path does not exist"), event("other", "FailedMount", "not ours")}
		}, func(s *scene) {
			time.Sleep(3 * time.Second)
			s.change(healthy().Deployment)
			s.change(healthy().Pods[0])
		}, 3 * time.Second, "Node node cannot mount the volume: path does not exist"},
		// The newest pod went, and another came up, while nobody watched.
		{"a pod that went unseen", func(v *View) {
			stale := pod("stale", 0)
			unready(stale)
			v.Pods = []*corev1.Pod{stale}
			v.Deployment.Status.AvailableReplicas = 0
		}, func(s *scene) {
			time.Sleep(3 * time.Second)
			s.forget(pod("stale", 0))
			s.cut("pods")
			s.add(pod("new", 10))
			s.change(healthy().Deployment)
		}, 3*time.Second + 100*time.Millisecond, "starting the container on node node"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := healthy()
				test.before(&v)
				s := newScene(v)
				pod, told, took, err := waitReady(t, s, func() { test.meanwhile(s) })
				if err != nil || pod == nil || pod.Name != "new" {
					t.Fatalf("got pod %v: %v", pod, err)
				}
				if took < test.took || took > test.took+50*time.Millisecond {
					t.Errorf("took %s, want %s", took, test.took)
				}
				if !slices.ContainsFunc(told, func(v Verdict) bool {
					return v.Now == test.told || v.Cause != nil && v.Cause.Message == test.told
				}) {
					t.Errorf("told %+v, want %q among it", told, test.told)
				}
			})
		})
	}
}

func TestWaitReadyFails(t *testing.T) {
	tests := []struct {
		name      string
		before    func(*View)
		meanwhile func(*scene)
		took      time.Duration
		cause     string // reason; "" for none
		want      string
		log       string
	}{
		{"nothing is known to be wrong", func(v *View) { *v = starting() }, nil, 30 * time.Second, "",
			"deployment/d is not ready after 30s: starting the container on node node", ""},
		{"nothing is there", func(v *View) { *v = View{} }, nil, 30 * time.Second, "",
			"deployment/d is not ready after 30s: waiting for the deployment controller", ""},
		{"an older generation is ready", func(v *View) { v.Deployment.Generation = 1 }, nil, 30 * time.Second, "",
			"deployment/d is not ready after 30s: waiting for the deployment controller", ""},
		{"the last cause", func(v *View) { *v = starting() }, func(s *scene) {
			time.Sleep(3 * time.Second)
			failing := starting().Pods[0]
			unready(failing).State.Waiting = &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "denied"}
			s.change(failing)
		}, 30 * time.Second, "ErrImagePull", "deployment/d is not ready after 30s: The image docker:29 cannot be pulled: denied", ""},
		{"a final cause", func(v *View) {
			*v = starting()
			unready(v.Pods[0]).State.Waiting = &corev1.ContainerStateWaiting{Reason: "InvalidImageName"}
		}, nil, 0, "InvalidImageName", `deployment/d is not ready after 0s: "docker:29" is not an image name.`, ""},
		{"a crash", func(v *View) {
			*v = starting()
			status := unready(v.Pods[0])
			status.RestartCount = 2
			status.State.Terminated = &corev1.ContainerStateTerminated{ExitCode: 1}
		}, nil, 0, "CrashLoopBackOff", "deployment/d is not ready after 0s: The daemon ended with exit code 1 (3 times).", "fake logs"},
		{"the deployment is deleted", func(v *View) { *v = starting() }, func(s *scene) {
			time.Sleep(3 * time.Second)
			s.remove(starting().Deployment)
		}, 3 * time.Second, "Deleted", "deployment/d is not ready after 3s: Somebody deleted deployment/d while it was waited for.", ""},
		{"the claim is deleted", func(v *View) { *v = starting() }, func(s *scene) {
			time.Sleep(3 * time.Second)
			s.remove(starting().Claim)
		}, 3 * time.Second, "Deleted", "deployment/d is not ready after 3s: Somebody deleted persistentvolumeclaim/d-data while it was waited for.", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := healthy()
				test.before(&v)
				s := newScene(v)
				pod, _, took, err := waitReady(t, s, func() {
					if test.meanwhile != nil {
						test.meanwhile(s)
					}
				})
				var failure *NotReadyError
				if pod != nil || !errors.As(err, &failure) {
					t.Fatalf("got pod %v, error %v", pod, err)
				}
				var reason, log string
				if failure.Cause != nil {
					reason, log = failure.Cause.Reason, failure.Cause.Log
				}
				if err.Error() != test.want || reason != test.cause || log != test.log {
					t.Errorf("got  %q (%s, log %q)\nwant %q (%s, log %q)", err, reason, log, test.want, test.cause, test.log)
				}
				if took != test.took || failure.After != took {
					t.Errorf("took %s, says %s, want %s", took, failure.After, test.took)
				}
			})
		})
	}
}

func TestWaitReadyStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(starting())
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := s.cluster().WaitReady(ctx, rollout, func(Verdict) {})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want that it was cancelled", err)
		}
	})
	for _, resource := range []string{"deployments", "pods", "persistentvolumeclaims", "events"} {
		t.Run(resource+" may not be watched", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(starting())
				s.refuse[resource] = errForbidden
				_, _, took, err := waitReady(t, s, nil)
				var refusal *WatchError
				if !errors.As(err, &refusal) || refusal.Resource != resource || !errors.Is(err, errForbidden) || took != 0 {
					t.Errorf("got %v after %s", err, took)
				}
			})
		})
	}
}

// Each object in trouble has its events followed, and only once.
func TestWaitReadyFollowsEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := starting()
		v.Claim.Status.Phase, v.Claim.Spec.StorageClassName = corev1.ClaimPending, new("x")
		s := newScene(v)
		waitReady(t, s, func() {
			for range 3 {
				time.Sleep(time.Second)
				s.change(v.Pods[0])
				s.change(v.Claim)
			}
		})
		got := s.watched("events")
		slices.Sort(got)
		if want := []string{"involvedObject.uid=claim", "involvedObject.uid=new"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestWaitReadyWithoutClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(healthy())
		pod, err := s.cluster().WaitReady(t.Context(), Rollout{Deployment: "d", Selector: map[string]string{"app": "d"}}, func(Verdict) {})
		if err != nil || pod.Name != "new" {
			t.Errorf("got %v, %v", pod, err)
		}
		if got := s.watched("persistentvolumeclaims"); got != nil {
			t.Errorf("watched claims: %q", got)
		}
	})
}
