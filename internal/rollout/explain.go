package rollout

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

// explain returns what blocks a rollout: the first of the known causes that
// matches, in the order of a pod's life. nil means that nothing is known to be
// wrong.
func explain(v State, pod *corev1.Pod) *Cause {
	if cause := nodeLost(pod); cause != nil {
		return cause
	}
	if cause := paused(v); cause != nil {
		return cause
	}
	if pod != nil && (pod.DeletionTimestamp != nil || (!finished(pod) && !v.updated())) {
		// The pod is being deleted, or soon will be because it is of an earlier
		// template. It does not block the next pod.
		return claimLost(v, nil)
	}
	for _, find := range []func(State, *corev1.Pod) *Cause{
		claimLost, podRefused, claimPending, unschedulable,
		volumeNotMounted, sandboxNotCreated, imageNotPulled, containerNotCreated, crashed, lockHeld, otherContainer, evicted,
	} {
		if cause := find(v, pod); cause != nil {
			return cause
		}
	}
	return nil
}

func claimRef(claim *corev1.PersistentVolumeClaim) kube.Ref {
	return kube.Ref{Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name}
}

func podRef(pod *corev1.Pod) kube.Ref {
	return kube.Ref{Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name}
}

// claimLost: a claim whose volume was deleted is never bound again.
func claimLost(v State, _ *corev1.Pod) *Cause {
	if v.Claim == nil || v.Claim.Status.Phase != corev1.ClaimLost {
		return nil
	}
	hint := "`dindctl uninstall --delete-data` removes the claim (the files of a local volume stay on their node); the next install creates a new one."
	if kube.InstanceOf(v.Claim) == "" { // uninstall does not delete it
		hint = fmt.Sprintf("`kubectl delete pvc %s -n %s` removes the claim; use another with --existing-claim.", v.Claim.Name, v.Claim.Namespace)
	}
	return &Cause{
		Reason: "ClaimLost", Object: claimRef(v.Claim), Final: true,
		Message: fmt.Sprintf("The claim has lost its volume %s: the PersistentVolume no longer exists.", v.Claim.Spec.VolumeName),
		Hint:    hint,
	}
}

// paused: the controller of a paused Deployment starts no pod of a new template.
func paused(v State) *Cause {
	d := v.Deployment
	if d == nil || !d.Spec.Paused || d.Generation < v.Generation {
		return nil
	}
	return &Cause{
		Reason: "Paused", Object: kube.Ref{Kind: "Deployment", Namespace: d.Namespace, Name: d.Name},
		Message: "The Deployment is paused: no changed pod starts.",
		Hint:    fmt.Sprintf("`kubectl rollout resume deployment/%s -n %s` ends the pause, and so does `dindctl install`.", d.Name, d.Namespace),
	}
}

// podRefused: if admission refuses the pod, there is no pod; the Deployment has
// the ReplicaSet's failure as a condition.
func podRefused(v State, pod *corev1.Pod) *Cause {
	if v.Deployment == nil || (pod != nil && !finished(pod)) {
		return nil
	}
	for _, condition := range v.Deployment.Status.Conditions {
		if condition.Type != appsv1.DeploymentReplicaFailure || condition.Status != corev1.ConditionTrue {
			continue
		}
		refusal := RefusalOf(v.Deployment.Namespace, condition.Message)
		return &Cause{
			Reason: refusal.Reason, Object: kube.Ref{Kind: "Deployment", Namespace: v.Deployment.Namespace, Name: v.Deployment.Name},
			Message: "The cluster refuses the pod: " + oneLine(condition.Message),
			Hint:    refusal.Hint,
			// The pod of an earlier refusal may be admitted now: the controller
			// is slow to retry.
			Final:  !refusal.Passes && !condition.LastUpdateTime.Equal(v.EarlierRefusal),
			Passes: refusal.Passes,
		}
	}
	return nil
}

// nodeLost: the node no longer reports. The control plane then sets only the pod's own
// condition, and leaves what the kubelet has last said of the containers. After five
// minutes it deletes the pod, which stays until the node is back or removed.
func nodeLost(pod *corev1.Pod) *Cause {
	if pod == nil || len(pod.Spec.ReadinessGates) > 0 || podReady(pod) || !isTrue(pod, corev1.ContainersReady) {
		return nil
	}
	node := pod.Spec.NodeName
	return &Cause{
		Reason: "NodeLost", Object: podRef(pod),
		Message: fmt.Sprintf("Node %s is not ready: it does not report whether the daemon still runs.", node),
		Hint: fmt.Sprintf("`kubectl describe node %[1]s` shows since when. The daemon is back when the node is. "+
			"Only if the node never returns, `kubectl delete node %[1]s` lets another node start the pod, if the volume can be mounted there.", node),
	}
}

// evicted: the node ended the pod, or an earlier one: the ReplicaSet creates
// another pod each time.
func evicted(v State, pod *corev1.Pod) *Cause {
	for _, ended := range append([]*corev1.Pod{pod}, v.Pods...) {
		// A pod that is only stopped fails too, but without a reason.
		if ended == nil || ended.Status.Phase != corev1.PodFailed || ended.Status.Reason == "" || ended.DeletionTimestamp != nil {
			continue
		}
		return &Cause{
			Reason: ended.Status.Reason, Object: podRef(ended), Ended: true,
			Message: "The node ended the pod: " + oneLine(ended.Status.Message),
			Hint:    "`kubectl describe node " + ended.Spec.NodeName + "` shows what the node is short of.",
		}
	}
	return nil
}

// oneLine returns a message in one line.
func oneLine(message string) string { return strings.Join(strings.Fields(message), " ") }
