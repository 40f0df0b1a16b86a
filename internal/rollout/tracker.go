package rollout

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// tracker accumulates observations into a State.
type tracker struct {
	// base is the view without objects.
	base       State
	deployment *appsv1.Deployment
	claim      *corev1.PersistentVolumeClaim
	job        *batchv1.Job
	pods       map[types.UID]*corev1.Pod
	events     map[types.UID]*corev1.Event
	followed   map[types.UID]bool
}

func newTracker(base State) *tracker {
	return &tracker{
		base:     base,
		pods:     map[types.UID]*corev1.Pod{},
		events:   map[types.UID]*corev1.Event{},
		followed: map[types.UID]bool{},
	}
}

// take adds an observation, and gives the UIDs of objects whose events should
// be followed from now on: pods, Jobs, and a claim that is not bound yet.
func (s *tracker) add(o observation) (follow []types.UID) {
	want := func(uid types.UID) {
		if !s.followed[uid] {
			s.followed[uid] = true
			follow = append(follow, uid)
		}
	}
	if o.complete {
		if o.source == "pods" {
			// Pods that went while nobody watched would otherwise stay for ever.
			clear(s.pods)
		}
		for _, object := range o.objects {
			follow = append(follow, s.add(observation{source: o.source, object: object})...)
		}
		return follow
	}
	switch object := o.object.(type) {
	case *appsv1.Deployment:
		s.deployment = object
	case *corev1.PersistentVolumeClaim:
		s.claim = object
		if object.Status.Phase != corev1.ClaimBound {
			want(object.UID)
		}
	case *batchv1.Job:
		s.job = object
		want(object.UID)
	case *corev1.Pod:
		if o.deleted {
			delete(s.pods, object.UID)
			break
		}
		s.pods[object.UID] = object
		if !podReady(object) {
			want(object.UID)
		}
	case *corev1.Event:
		s.events[object.UID] = object
	}
	return follow
}

func (s *tracker) state() State {
	v := s.base
	v.Claim, v.Deployment = s.claim, s.deployment
	for _, pod := range s.pods {
		v.Pods = append(v.Pods, pod)
	}
	for _, event := range s.events {
		v.Events = append(v.Events, event)
	}
	return v
}
