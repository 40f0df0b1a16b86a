package rollout

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/kube"
)

// scene is an API server whose objects the test changes, and whose watches it cuts.
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

func newScene(v State, more ...runtime.Object) *scene {
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

func (s *scene) cluster() *kube.Cluster { return &kube.Cluster{Client: s.client, Namespace: "ci"} }

func resourceOf(object runtime.Object) string {
	return strings.TrimPrefix(strings.ToLower(fmt.Sprintf("%T", object)), "*v1.") + "s"
}

// put creates or replaces an object, and sends an event to the watches.
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
	s.send(resource, watch.Event{Type: watch.Modified, Object: object})
}

// slip creates or replaces an object without an event.
func (s *scene) slip(object runtime.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	resource := resourceOf(object)
	if pod, is := object.(*corev1.Pod); is && pod.Labels["job-name"] == "" {
		pod.Labels["app"] = "d"
	}
	s.objects[resource] = append(s.without(object), object.DeepCopyObject())
}

// remove deletes the object and sends an event to the watches.
func (s *scene) remove(object runtime.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	resource := resourceOf(object)
	s.objects[resource] = s.without(object)
	s.send(resource, watch.Event{Type: watch.Deleted, Object: object})
}

func (s *scene) send(resource string, event watch.Event) {
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

// expire ends the watches and forgets the events until now, so that no watch can
// continue from them. It calls before while there are no watches.
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

// asked returns the requests for a resource, each with its selectors.
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

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
