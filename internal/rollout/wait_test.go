package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
)

// scene is an API server: the test changes what is there and cuts watches as it
// likes.
type scene struct {
	client *fake.Clientset

	mu      sync.Mutex
	version int
	objects map[string][]runtime.Object // by resource
	changes map[string][]changed        // since the beginning
	open    map[string][]*watch.RaceFreeFakeWatcher
	refuse  map[string]error // by "verb resource"
}

type changed struct {
	version int
	event   watch.Event
}

func newScene(v View, more ...runtime.Object) *scene {
	s := &scene{
		client: &fake.Clientset{}, objects: map[string][]runtime.Object{}, changes: map[string][]changed{},
		open: map[string][]*watch.RaceFreeFakeWatcher{}, refuse: map[string]error{},
	}
	s.client.AddWatchReactor("*", s.watch)
	s.client.AddReactor("*", "*", s.read)
	if v.Deployment != nil {
		s.put(v.Deployment)
	}
	if v.Claim != nil {
		s.put(v.Claim)
	}
	for _, pod := range v.Pods {
		s.put(pod)
	}
	for i, event := range v.Events {
		event.Name, event.UID = fmt.Sprint("event-", i), types.UID(fmt.Sprint("event-", i))
		s.put(event)
	}
	for _, object := range more {
		s.put(object)
	}
	return s
}

func (s *scene) cluster() *Cluster { return &Cluster{Client: s.client, Namespace: "ci"} }

func resourceOf(object runtime.Object) string {
	return strings.TrimPrefix(strings.ToLower(fmt.Sprintf("%T", object)), "*v1.") + "s"
}

// put has the object in the place of the one with its name, or beside what is
// there, and tells those that watch.
func (s *scene) put(object runtime.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	accessor(object).SetResourceVersion(fmt.Sprint(s.version))
	if pod, is := object.(*corev1.Pod); is && pod.Labels["job-name"] == "" {
		pod.Labels["app"] = "d"
	}
	resource := resourceOf(object)
	s.objects[resource] = append(s.without(object), object.DeepCopyObject())
	s.tell(resource, watch.Event{Type: watch.Modified, Object: object})
}

// slip is put, but those that watch are not told.
func (s *scene) slip(object runtime.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	resource := resourceOf(object)
	if pod, is := object.(*corev1.Pod); is && pod.Labels["job-name"] == "" {
		pod.Labels["app"] = "d"
	}
	s.objects[resource] = append(s.without(object), object.DeepCopyObject())
}

// remove takes the object away and tells those that watch.
func (s *scene) remove(object runtime.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	resource := resourceOf(object)
	s.objects[resource] = s.without(object)
	s.tell(resource, watch.Event{Type: watch.Deleted, Object: object})
}

func (s *scene) tell(resource string, event watch.Event) {
	event.Object = event.Object.DeepCopyObject()
	s.changes[resource] = append(s.changes[resource], changed{s.version, event})
	for _, w := range s.open[resource] {
		w.Action(event.Type, event.Object.DeepCopyObject())
	}
}

func (s *scene) without(object runtime.Object) []runtime.Object {
	return slices.DeleteFunc(slices.Clone(s.objects[resourceOf(object)]), func(other runtime.Object) bool {
		return accessor(other).GetName() == accessor(object).GetName()
	})
}

// expire makes the server forget what it told so far: watches end, and cannot
// go on from a version of that time. before is done while nobody watches.
func (s *scene) expire(resource string, before func()) {
	s.mu.Lock()
	for _, w := range s.open[resource] {
		w.Error(&errGone.ErrStatus)
	}
	s.open[resource] = nil
	s.mu.Unlock()
	before()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes[resource] = nil
}

func (s *scene) watch(action ktesting.Action) (bool, watch.Interface, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	resource := action.GetResource().Resource
	if err := s.refuse["watch "+resource]; err != nil {
		return true, nil, err
	}
	w := watch.NewRaceFreeFake()
	options := action.(ktesting.WatchActionImpl).ListOptions
	from, _ := strconv.Atoi(options.ResourceVersion)
	for _, object := range s.objects[resource] {
		event, is := object.(*corev1.Event)
		if from == 0 && (!is || options.FieldSelector == "involvedObject.uid="+string(event.InvolvedObject.UID)) {
			w.Add(object.DeepCopyObject())
		}
	}
	for _, change := range s.changes[resource] {
		if from > 0 && change.version > from {
			w.Action(change.event.Type, change.event.Object.DeepCopyObject())
		}
	}
	s.open[resource] = append(s.open[resource], w)
	return true, w, nil
}

func (s *scene) read(action ktesting.Action) (bool, runtime.Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	resource := action.GetResource()
	if err := s.refuse[action.GetVerb()+" "+resource.Resource]; err != nil {
		return true, nil, err
	}
	if get, is := action.(ktesting.GetActionImpl); is && get.GetSubresource() == "" {
		for _, object := range s.objects[resource.Resource] {
			if accessor(object).GetName() == get.GetName() {
				return true, object.DeepCopyObject(), nil
			}
		}
		return true, nil, apierrors.NewNotFound(resource.GroupResource(), get.GetName())
	}
	if action.Matches("list", "pods") {
		list := &corev1.PodList{ListMeta: metav1.ListMeta{ResourceVersion: fmt.Sprint(s.version)}}
		for _, object := range s.objects["pods"] {
			list.Items = append(list.Items, *object.(*corev1.Pod).DeepCopy())
		}
		return true, list, nil
	}
	return false, nil, nil
}

// asked gives the requests about a resource, each with its selectors.
func (s *scene) asked(resource string) []string {
	var requests []string
	for _, action := range s.client.Actions() {
		if action.GetResource().Resource != resource {
			continue
		}
		request := action.GetVerb()
		switch action := action.(type) {
		case ktesting.WatchActionImpl:
			request += " " + action.ListOptions.FieldSelector + action.ListOptions.LabelSelector
		case ktesting.ListActionImpl:
			request += " " + action.ListOptions.FieldSelector + action.ListOptions.LabelSelector
		}
		requests = append(requests, request)
	}
	return requests
}

func accessor(object runtime.Object) metav1.Object {
	found, err := meta.Accessor(object)
	if err != nil {
		panic(err)
	}
	return found
}

// rollingOut is the healthy rollout as WaitReady takes it.
func rollingOut() View {
	v := healthy()
	v.Deployment.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "d"}}
	return v
}

// starting is a rollout whose pod has not come up yet.
func starting() View {
	v := rollingOut()
	unready(v.Pods[0])
	v.Deployment.Status.AvailableReplicas = 0
	return v
}

// waitReady waits for half a minute while the test changes the scene.
func waitReady(t *testing.T, s *scene, v View, meanwhile func(*scene)) (pod *corev1.Pod, told []Verdict, took time.Duration, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	began := time.Now()
	if meanwhile != nil {
		go meanwhile(s)
	}
	rollout := Rollout{Deployment: v.Deployment, Claim: v.Claim, EarlierRefusal: v.EarlierRefusal}
	pod, err = s.cluster().WaitReady(ctx, rollout, func(v Verdict) { told = append(told, v) })
	return pod, told, time.Since(began), err
}

// said is what verdicts say, in words.
func said(told []Verdict) (words []string) {
	for _, v := range told {
		words = append(words, v.Now)
		if v.Cause != nil {
			words = append(words, v.Cause.Message)
		}
	}
	return words
}

// after does something to the scene after three seconds.
func after(do func(*scene)) func(*scene) {
	return func(s *scene) {
		time.Sleep(3 * time.Second)
		do(s)
	}
}

func comesUp(s *scene) {
	s.put(rollingOut().Deployment)
	s.put(rollingOut().Pods[0])
}

func TestWaitReadyAtOnce(t *testing.T) {
	for name, damage := range map[string]func(*View){
		"with a claim": func(*View) {}, "without one": func(v *View) { v.Claim = nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := rollingOut()
				damage(&v)
				s := newScene(v)
				pod, told, took, err := waitReady(t, s, v, nil)
				if err != nil || pod == nil || pod.Name != "new" || took != 0 {
					t.Fatalf("got pod %v after %s: %v", pod, took, err)
				}
				if last := told[len(told)-1]; !last.Ready || last.Now != "pod new is ready" {
					t.Errorf("told %+v last", last)
				}
				if requests := s.client.Actions(); len(requests) != 1 || !slices.Equal(s.asked("pods"), []string{"list app=d"}) {
					t.Errorf("more requests than one for the pods: %v", requests)
				}
			})
		})
	}
}

func TestWaitReadyInTime(t *testing.T) {
	const soon = 3 * time.Second
	tests := []struct {
		name      string
		before    func(*View)
		meanwhile func(*scene)
		took      time.Duration
		told      string // some verdict's words or cause, on the way
	}{
		{"the pod comes up", func(v *View) { *v = starting() }, after(comesUp), soon, "starting the container on node node"},
		{"the claim is bound last", func(v *View) {
			v.Claim.Status.Phase, v.Claim.Spec.StorageClassName = corev1.ClaimPending, new("x")
		}, after(func(s *scene) { s.put(rollingOut().Claim) }), soon, "claim d-data waits for a volume"},
		{"the controller has not looked", func(v *View) { v.Deployment.Status.ObservedGeneration = 1 },
			after(func(s *scene) { s.put(rollingOut().Deployment) }), soon, "waiting for the deployment controller"},
		{"a cause that goes away", func(v *View) {
			*v = starting()
			unready(v.Pods[0]).State.Waiting = &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "no route to host"}
		}, after(comesUp), soon, "The image docker:29 cannot be pulled: no route to host"},
		{"told by an event", func(v *View) {
			*v = starting()
			v.Events = []*corev1.Event{event("new", "FailedMount", "path does not exist"), event("other", "FailedMount", "not ours")}
		}, after(comesUp), soon, "Node node cannot mount the volume: path does not exist"},
		{"refused before, admitted now", func(v *View) {
			*v = starting()
			v.Pods = nil
			v.EarlierRefusal = new(metav1.Unix(1000, 0))
			v.Deployment.Status.Conditions = []appsv1.DeploymentCondition{{
				Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Message: "exceeded quota", LastUpdateTime: metav1.Unix(1000, 0),
			}}
		}, after(comesUp), soon, "The cluster refuses the pod: exceeded quota"},
		// The newest pod went, and another came up, while nobody watched.
		{"a pod that went unseen", func(v *View) {
			*v = starting()
			stale := pod("stale", 0)
			unready(stale)
			v.Pods = []*corev1.Pod{stale}
		}, after(func(s *scene) {
			s.put(rollingOut().Deployment)
			s.expire("pods", func() {
				s.remove(pod("stale", 0))
				s.put(pod("new", 10))
			})
		}), soon + 110*time.Millisecond, "starting the container on node node"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := rollingOut()
				test.before(&v)
				pod, told, took, err := waitReady(t, newScene(v), v, test.meanwhile)
				if err != nil || pod == nil || pod.Name != "new" {
					t.Fatalf("got pod %v: %v", pod, err)
				}
				if took < test.took-10*time.Millisecond || took > test.took+10*time.Millisecond {
					t.Errorf("took %s, want %s", took, test.took)
				}
				if !slices.Contains(said(told), test.told) {
					t.Errorf("told %q, want %q among it", said(told), test.told)
				}
			})
		})
	}
}

func TestWaitReadyFails(t *testing.T) {
	crashing := func(v *View) {
		*v = starting()
		status := unready(v.Pods[0])
		status.RestartCount = 2
		status.State.Terminated = &corev1.ContainerStateTerminated{ExitCode: 1}
	}
	const deletedOne = "deployment/d is not ready after 3s: Somebody deleted %s while it was waited for."
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
		{"the controller sleeps", func(v *View) { v.Deployment.Status = appsv1.DeploymentStatus{} }, nil, 30 * time.Second, "",
			"deployment/d is not ready after 30s: waiting for the deployment controller", ""},
		{"an older generation is told of", func(v *View) { *v = starting() }, after(func(s *scene) {
			older := rollingOut().Deployment
			older.Generation = 1
			s.put(older)
			s.put(rollingOut().Pods[0])
		}), 30 * time.Second, "", "deployment/d is not ready after 30s: waiting for the deployment controller", ""},
		{"the last cause", func(v *View) { *v = starting() }, after(func(s *scene) {
			failing := starting().Pods[0]
			unready(failing).State.Waiting = &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "denied"}
			s.put(failing)
		}), 30 * time.Second, "ErrImagePull", "deployment/d is not ready after 30s: The image docker:29 cannot be pulled: denied", ""},
		{"a final cause", func(v *View) { *v = starting() }, after(func(s *scene) {
			failing := starting().Pods[0]
			unready(failing).State.Waiting = &corev1.ContainerStateWaiting{Reason: "InvalidImageName"}
			s.put(failing)
		}), 3 * time.Second, "InvalidImageName", `deployment/d is not ready after 3s: "docker:29" is not an image name.`, ""},
		// Nothing need happen after it: one that is there from the start will do.
		{"a final cause from the start", func(v *View) {
			*v = starting()
			unready(v.Pods[0]).State.Waiting = &corev1.ContainerStateWaiting{Reason: "InvalidImageName"}
		}, nil, 0, "InvalidImageName", `deployment/d is not ready after 0s: "docker:29" is not an image name.`, ""},
		{"a crash", crashing, nil, 0, "CrashLoopBackOff",
			"deployment/d is not ready after 0s: The daemon ended with exit code 1 (3 times).", "fake logs"},
		{"the deployment is deleted", func(v *View) { *v = starting() }, after(func(s *scene) { s.remove(starting().Deployment) }),
			3 * time.Second, "Deleted", fmt.Sprintf(deletedOne, "deployment/d"), ""},
		{"the claim is deleted", func(v *View) { *v = starting() }, after(func(s *scene) { s.remove(starting().Claim) }),
			3 * time.Second, "Deleted", fmt.Sprintf(deletedOne, "persistentvolumeclaim/d-data"), ""},
		{"the deployment is deleted unseen", func(v *View) { *v = starting() }, after(func(s *scene) {
			s.expire("deployments", func() { s.remove(starting().Deployment) })
		}), 3 * time.Second, "Deleted", fmt.Sprintf(deletedOne, "deployment/d"), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := rollingOut()
				test.before(&v)
				pod, _, took, err := waitReady(t, newScene(v), v, test.meanwhile)
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
				if took.Round(time.Second) != test.took || failure.After != took {
					t.Errorf("took %s, says %s, want %s", took, failure.After, test.took)
				}
			})
		})
	}
}

func TestWaitReadyStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := starting()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := newScene(v).cluster().WaitReady(ctx, Rollout{Deployment: v.Deployment, Claim: v.Claim}, func(Verdict) {})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want that it was cancelled", err)
		}
	})
	for _, refusal := range []string{"list pods", "watch pods", "watch deployments", "watch persistentvolumeclaims", "watch events"} {
		t.Run("may not "+refusal, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := starting()
				s := newScene(v)
				s.refuse[refusal] = errForbidden
				_, _, took, err := waitReady(t, s, v, nil)
				var unseen *WatchError
				_, resource, _ := strings.Cut(refusal, " ")
				if !errors.Is(err, errForbidden) || took != 0 || errors.As(err, &unseen) && unseen.Resource != resource {
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
		waitReady(t, s, v, func(s *scene) {
			for range 3 {
				time.Sleep(time.Second)
				s.put(v.Pods[0].DeepCopy())
				s.put(v.Claim.DeepCopy())
			}
		})
		got := slices.Compact(slices.Sorted(slices.Values(s.asked("events"))))
		if want := []string{"watch involvedObject.uid=claim", "watch involvedObject.uid=new"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if n := len(s.asked("events")); n != 2 {
			t.Errorf("%d watches", n)
		}
	})
}
