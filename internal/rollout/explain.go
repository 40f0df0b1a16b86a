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
		volumeNotMounted, sandboxNotCreated, imageNotPulled, containerNotCreated, crashed, lockHeld, evicted,
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
		reason, hint := Refusal(v.Deployment.Namespace, condition.Message)
		return &Cause{
			Reason: reason, Object: kube.Ref{Kind: "Deployment", Namespace: v.Deployment.Namespace, Name: v.Deployment.Name},
			Message: "The cluster refuses the pod: " + oneLine(condition.Message),
			Hint:    hint,
			// The pod of an earlier refusal may be admitted now: the controller
			// is slow to retry.
			Final: !condition.LastUpdateTime.Equal(v.EarlierRefusal),
		}
	}
	return nil
}

// The reasons of a refusal by a ResourceQuota and by a LimitRange.
const (
	QuotaExceeded      = "QuotaExceeded"
	LimitRangeViolated = "LimitRange"
)

// refusedSomehow is the reason of a refusal of unknown kind.
const refusedSomehow = "FailedCreate"

// Refusal returns the kind of a refusal by admission, and a hint.
func Refusal(namespace, message string) (reason, hint string) {
	switch {
	case strings.Contains(message, "per PersistentVolumeClaim is"):
		return LimitRangeViolated, "Set --storage-size within the namespace's LimitRange."
	case strings.Contains(message, "exceeded quota") && strings.Contains(message, "requests.storage"):
		return QuotaExceeded, "Raise the ResourceQuota, or set --storage-size to fit it."
	case strings.Contains(message, "violates PodSecurity"):
		return "PodSecurity", fmt.Sprintf("A Docker daemon needs a privileged pod: kubectl label namespace %s pod-security.kubernetes.io/enforce=privileged --overwrite", namespace)
	case strings.Contains(message, "exceeded quota"), strings.Contains(message, "failed quota"):
		return QuotaExceeded, "Raise the ResourceQuota, or set --cpu-request, --memory-request, --cpu-limit and --memory-limit to fit it."
	case strings.Contains(message, "per Container is"), strings.Contains(message, "per Pod is"),
		strings.Contains(message, "limit to request ratio"), strings.Contains(message, "must be less than or equal to"):
		return LimitRangeViolated, "Set --cpu-request, --memory-request, --cpu-limit and --memory-limit within the namespace's LimitRange."
	case strings.Contains(message, "no PriorityClass with name"):
		return "PriorityClassMissing", "`kubectl get priorityclass` lists the classes; set one with --priority-class."
	case AdmissionDenied(message):
		return "AdmissionDenied", "Ask the cluster's administrator about the admission policy that the message names."
	}
	return refusedSomehow, "Ask the cluster's administrator what refuses the pod."
}

// AdmissionDenied reports whether the message is that of an admission policy or
// webhook.
func AdmissionDenied(message string) bool {
	return strings.Contains(message, "admission webhook") || strings.Contains(message, "ValidatingAdmissionPolicy")
}

// claimPending: a claim that gets no volume.
func claimPending(v State, _ *corev1.Pod) *Cause {
	claim := v.Claim
	if claim == nil || claim.Status.Phase != corev1.ClaimPending {
		return nil
	}
	cause := &Cause{Object: claimRef(claim)}
	if event := v.lastEvent(claim.UID, "ProvisioningFailed", "FailedBinding"); event != nil {
		cause.Reason, cause.Message = event.Reason, "No volume could be provisioned for the claim: "+oneLine(event.Message)
		cause.Hint = "The storage provisioner retries; `kubectl get storageclass` lists the classes, and --storage-class sets one."
	}
	switch class := claim.Spec.StorageClassName; {
	case class == nil:
		cause.Reason = "NoDefaultStorageClass"
		cause.Message = "The claim names no storage class, and the cluster has no default one."
		cause.Hint = "Set a class with --storage-class (`kubectl get storageclass` lists them), or use --local-path and --local-node."
	case cause.Reason != "" && strings.Contains(cause.Message, fmt.Sprintf("%q not found", *class)):
		cause.Reason = "StorageClassMissing"
		cause.Message = fmt.Sprintf("The storage class %q does not exist.", *class)
		cause.Hint = "`kubectl get storageclass` lists the classes. A claim's class cannot be changed: `dindctl uninstall --delete-data` removes the unbound claim, then install with another --storage-class."
	case cause.Reason == "":
		return nil
	}
	return cause
}

// UnschedulableReason is the reason of a pod that no node takes.
const UnschedulableReason = "Unschedulable"

// unschedulable: no node takes the pod. A cluster autoscaler may still add one, so
// this is reported immediately but is not final.
func unschedulable(_ State, pod *corev1.Pod) *Cause {
	if pod == nil {
		return nil
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse &&
			condition.Reason == corev1.PodReasonUnschedulable {
			return &Cause{
				Reason: UnschedulableReason, Object: podRef(pod),
				Message: "No node can take the pod: " + oneLine(condition.Message),
				Hint:    "Compare `kubectl get nodes --show-labels` with --node-selector, --toleration, --cpu-request and --memory-request.",
			}
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
