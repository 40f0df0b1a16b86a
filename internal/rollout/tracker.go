package rollout

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// tracker accumulates observations into a State.
type tracker struct {
	// base is the State without objects.
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

// add adds an observation, and returns the UIDs of objects whose events the caller
// should follow from now on: pods, Jobs, and a claim that is not bound.
func (t *tracker) add(o observation) (follow []types.UID) {
	want := func(uid types.UID) {
		if !t.followed[uid] {
			t.followed[uid] = true
			follow = append(follow, uid)
		}
	}
	if o.complete {
		if o.source == "pods" {
			// Otherwise, pods that were deleted between two watches would stay.
			clear(t.pods)
		}
		for _, object := range o.objects {
			follow = append(follow, t.add(observation{source: o.source, object: object})...)
		}
		return follow
	}
	switch object := o.object.(type) {
	case *appsv1.Deployment:
		t.deployment = object
	case *corev1.PersistentVolumeClaim:
		t.claim = object
		if object.Status.Phase != corev1.ClaimBound {
			want(object.UID)
		}
	case *batchv1.Job:
		t.job = object
		want(object.UID)
	case *corev1.Pod:
		if o.deleted {
			delete(t.pods, object.UID)
			break
		}
		t.pods[object.UID] = object
		if !podReady(object) {
			want(object.UID)
		}
	case *corev1.Event:
		t.events[object.UID] = object
	}
	return follow
}

func (t *tracker) state() State {
	v := t.base
	v.Claim, v.Deployment = t.claim, t.deployment
	for _, pod := range t.pods {
		v.Pods = append(v.Pods, pod)
	}
	for _, event := range t.events {
		v.Events = append(v.Events, event)
	}
	return v
}
