package rollout

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

// Status is the status of a rollout, computed from its State.
type Status struct {
	// Ready is set if the rollout is complete: the claim is bound, and the pod of
	// the newest template is ready and the only pod.
	Ready bool
	Pod   *corev1.Pod // the State's CurrentPod
	// Running is set if the pod is of the newest template and its container runs,
	// Answering if the pod is also ready. The rollout may still be incomplete:
	// the Deployment's controller notices later.
	Running, Answering bool
	Now                string // what the cluster is doing, in a few words
	Cause              *Cause // what blocks the rollout; nil if nothing is known to
}

// Cause is why something is not ready, and what to do about it.
type Cause struct {
	Reason  string // one word, Kubernetes' own where it has one
	Object  kube.Ref
	Message string // one sentence
	Hint    string // the next step, one sentence
	// Final is set if waiting longer cannot help.
	Final bool
	// Passes is set for a refusal that the cluster may take back by itself, soon.
	Passes bool
	// Ended is set if a pod or its container ran and ended. That another one runs
	// now does not mean that the problem is solved.
	Ended bool
	// Container is the crashed container, if there is one, and Log its last lines.
	Container, Log string
}

// Compute computes the status. It is a pure function of the objects: readiness
// from fields alone, observedGeneration first, as `kubectl rollout status`
// does, and stricter in that no older pod may remain.
func Compute(v State) Status {
	pod := v.CurrentPod()
	status := Status{Pod: pod, Cause: explain(v, pod)}
	if status.Cause != nil {
		// The kubelet and webhooks quote commands and variables of the pod.
		status.Cause.Message = v.secrets(pod).In(status.Cause.Message)
	}
	status.Running = v.updated() && pod != nil && pod.DeletionTimestamp == nil && !finished(pod) && ContainerRuns(pod, v.Container)
	status.Answering = status.Running && podReady(pod)
	d := v.Deployment
	switch {
	case d == nil || d.Generation < v.Generation || d.Status.ObservedGeneration < d.Generation:
		status.Now = "waiting for the deployment controller"
	case rolledOut(d) && pod != nil && pod.DeletionTimestamp == nil && podReady(pod) && claimUsable(v.Claim):
		status.Ready, status.Cause = true, nil
		status.Now = "pod " + pod.Name + " is ready"
	default:
		status.Now = activity(v, pod)
	}
	return status
}

// rolledOut reports whether pods of the Deployment's newest template are available,
// and no other pods exist.
func rolledOut(d *appsv1.Deployment) bool {
	wanted := int32(1)
	if d.Spec.Replicas != nil {
		wanted = *d.Spec.Replicas
	}
	s := d.Status
	return wanted > 0 && s.UpdatedReplicas == wanted && s.Replicas == wanted && s.AvailableReplicas == wanted
}

func claimUsable(claim *corev1.PersistentVolumeClaim) bool {
	return claim == nil || claim.Status.Phase == corev1.ClaimBound
}

// activity returns what the cluster is doing if nothing is wrong.
func activity(v State, pod *corev1.Pod) string {
	if pod == nil {
		return "waiting for the pod to be created"
	}
	if pod.DeletionTimestamp != nil {
		return fmt.Sprintf("waiting for the previous pod %s to stop, at %s at the latest", pod.Name, pod.DeletionTimestamp.UTC().Format("15:04 MST"))
	}
	if v.Claim != nil && v.Claim.Status.Phase == corev1.ClaimPending {
		if v.lastEvent(v.Claim.UID, "WaitForFirstConsumer") != nil && pod.Spec.NodeName == "" {
			return fmt.Sprintf("claim %s waits for its pod to be scheduled", v.Claim.Name)
		}
		return fmt.Sprintf("claim %s waits for a volume", v.Claim.Name)
	}
	if pod.Spec.NodeName == "" {
		return "waiting for the scheduler to place the pod"
	}
	if status := kube.ContainerStatus(pod, v.Container); status != nil {
		switch {
		case status.State.Running != nil:
			return "daemon starting"
		case status.State.Terminated != nil:
			return "waiting for the container to be restarted"
		}
	}
	if latest := v.lastEvent(pod.UID, "Pulling", "Pulled"); latest != nil && latest.Reason == "Pulling" {
		return "pulling " + v.image(pod)
	}
	return "starting the container on node " + pod.Spec.NodeName
}

// image returns the image of the container that counts.
func (v State) image(pod *corev1.Pod) string {
	for i := range pod.Spec.Containers {
		if container := &pod.Spec.Containers[i]; container.Name == v.Container {
			return container.Image
		}
	}
	return "the image"
}
