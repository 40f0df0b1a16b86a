// Package rollout follows a Deployment until its pod is ready: it collects the state
// of its objects, computes the status from them, and explains what blocks it. Its
// hints name dindctl's options. It waits for Jobs, endpoints and expanding volumes in
// the same way.
package rollout

import (
	"slices"
	"sort"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/dindctl/dindctl/internal/kube"
)

// State is the known state of a rollout, from which Compute computes the status.
// Missing objects are nil.
type State struct {
	// Container is the name of the container that counts: admission may add others.
	Container  string
	Claim      *corev1.PersistentVolumeClaim
	Deployment *appsv1.Deployment
	Pods       []*corev1.Pod
	Events     []*corev1.Event
	// Generation is the generation of the Deployment to wait for; an older
	// Deployment is not evaluated. 0 means any.
	Generation int64
	// EarlierRefusal is the time of the last refusal of the Deployment's pod before
	// this rollout; nil if there was none.
	EarlierRefusal *metav1.Time
	// EarlierTrouble is the pod that lacked a Secret or ConfigMap before the wait
	// began; "" if there was none.
	EarlierTrouble types.UID
}

// EarlierRefusal returns the State's field of that name from the Deployment before
// it was applied, which may be nil.
func EarlierRefusal(before *appsv1.Deployment) *metav1.Time {
	if before == nil {
		return nil
	}
	for _, condition := range before.Status.Conditions {
		if condition.Type == appsv1.DeploymentReplicaFailure && condition.Status == corev1.ConditionTrue {
			return condition.LastUpdateTime.DeepCopy()
		}
	}
	return nil
}

// CurrentPod returns the newest pod of the Deployment, preferring pods that are
// neither being deleted nor finished; nil if there is none.
func (v State) CurrentPod() *corev1.Pod {
	var pods []*corev1.Pod
	for _, pod := range v.Pods {
		if v.Deployment == nil || belongsTo(pod, v.Deployment.Name) {
			pods = append(pods, pod)
		}
	}
	if len(pods) == 0 {
		return nil
	}
	sort.SliceStable(pods, func(i, j int) bool {
		a, b := pods[i], pods[j]
		if (a.DeletionTimestamp == nil) != (b.DeletionTimestamp == nil) {
			return a.DeletionTimestamp == nil
		}
		if finished(a) != finished(b) {
			return !finished(a)
		}
		return b.CreationTimestamp.Before(&a.CreationTimestamp)
	})
	return pods[0]
}

// updated reports whether the pods are of the Deployment's current template: its
// controller has observed the template, and counts a pod of it. With the strategy
// Recreate, no older pod exists then.
func (v State) updated() bool {
	d := v.Deployment
	return d != nil && d.Generation >= v.Generation && d.Status.ObservedGeneration >= d.Generation && d.Status.UpdatedReplicas > 0
}

// belongsTo reports whether a pod belongs to a ReplicaSet of the Deployment. The
// name of the ReplicaSet is the Deployment's with the template's hash.
func belongsTo(pod *corev1.Pod, deployment string) bool {
	owner := metav1.GetControllerOf(pod)
	return owner != nil && owner.Kind == "ReplicaSet" &&
		owner.Name == deployment+"-"+pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
}

func finished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded
}

func podReady(pod *corev1.Pod) bool { return isTrue(pod, corev1.PodReady) }

func isTrue(pod *corev1.Pod, condition corev1.PodConditionType) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == condition && c.Status == corev1.ConditionTrue
	})
}

// ContainerRuns reports whether that container of the pod runs.
func ContainerRuns(pod *corev1.Pod, container string) bool {
	status := kube.ContainerStatus(pod, container)
	return status != nil && status.State.Running != nil
}

// lastEvent returns the newest event about the object with one of the reasons.
func (v State) lastEvent(uid types.UID, reasons ...string) *corev1.Event {
	return v.newestEvent(uid, func(event *corev1.Event) bool { return slices.Contains(reasons, event.Reason) })
}

// newestEvent returns the newest event about the object that matches.
func (v State) newestEvent(uid types.UID, matches func(*corev1.Event) bool) *corev1.Event {
	var newest *corev1.Event
	for _, event := range v.Events {
		if event.InvolvedObject.UID != uid || !matches(event) {
			continue
		}
		if newest == nil || eventTime(newest).Before(eventTime(event)) {
			newest = event
		}
	}
	return newest
}

// eventTime returns when an event last happened: new events have it in their
// series or eventTime, old ones in lastTimestamp.
func eventTime(event *corev1.Event) *metav1.Time {
	switch {
	case event.Series != nil:
		return &metav1.Time{Time: event.Series.LastObservedTime.Time}
	case !event.LastTimestamp.IsZero():
		return &event.LastTimestamp
	default:
		return &metav1.Time{Time: event.EventTime.Time}
	}
}
