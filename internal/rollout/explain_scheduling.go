package rollout

import (
	"cmp"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Reasons of a pod that no node takes: VolumeElsewhereReason if nodes cannot mount its
// volume.
const (
	UnschedulableReason   = "Unschedulable"
	VolumeElsewhereReason = "VolumeElsewhere"
)

// schedulerAdvice is one row of the table of what a scheduler says.
type schedulerAdvice struct {
	words  []string // one of them is in the message
	reason string
	hint   string
}

// schedulerAdvices returns the table: the first row that matches counts. The volume and
// its class are those of the claim.
func schedulerAdvices(volume string) []schedulerAdvice {
	return []schedulerAdvice{
		{[]string{"volume node affinity conflict", "didn't match PersistentVolume's node affinity"}, VolumeElsewhereReason,
			"The cache is on volume " + volume + ", which only some nodes can use: `kubectl get pv " + volume + " -o jsonpath={.spec.nodeAffinity}` shows which, by node or zone. " +
				"Add a node there, or give up the cache: `dindctl uninstall --delete-data`, then install."},
		{[]string{"exceed max volume count"}, "VolumeLimit", "Each node that fits has as many volumes as it can attach: add a node, or move a pod with a volume."},
		{[]string{"didn't match pod affinity rules"}, UnschedulableReason,
			"A Job's pod runs on a node of the daemon's architecture: `kubectl get nodes -L kubernetes.io/arch` lists them; they are full, or have a taint without --toleration."},
		{[]string{""}, UnschedulableReason, "Compare `kubectl get nodes --show-labels` with --node-selector, --toleration, --cpu-request and --memory-request."},
	}
}

// unschedulable: no node takes the pod. A cluster autoscaler may still add one, so
// this is reported immediately but is not final.
func unschedulable(v State, pod *corev1.Pod) *Cause {
	if pod == nil || pod.Spec.NodeName != "" {
		return nil
	}
	// The scheduler of Fargate sets no condition.
	if event := v.lastEvent(pod.UID, "FailedScheduling"); event != nil {
		if r := RefusalOf(pod.Namespace, event.Message); r.Reason == "Fargate" {
			return &Cause{Reason: r.Reason, Object: podRef(pod), Final: true, Message: oneLine(event.Message), Hint: r.Hint}
		}
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type != corev1.PodScheduled || condition.Status != corev1.ConditionFalse {
			continue
		}
		switch condition.Reason {
		case corev1.PodReasonSchedulingGated:
			return gated(pod)
		case corev1.PodReasonUnschedulable:
			volume := "of the claim"
			if v.Claim != nil {
				volume = cmp.Or(v.Claim.Spec.VolumeName, volume)
			}
			for _, row := range schedulerAdvices(volume) {
				if containsAny(condition.Message, row.words) {
					return &Cause{Reason: row.reason, Object: podRef(pod), Message: "No node can take the pod: " + oneLine(condition.Message), Hint: row.hint}
				}
			}
		}
	}
	return nil
}

// gated: the scheduler ignores a pod with gates, which somebody has added, for example a
// queue of jobs.
func gated(pod *corev1.Pod) *Cause {
	var gates []string
	for _, gate := range pod.Spec.SchedulingGates {
		gates = append(gates, gate.Name)
	}
	return &Cause{
		Reason: corev1.PodReasonSchedulingGated, Object: podRef(pod),
		Message: "The pod is not scheduled before its gates are removed: " + strings.Join(gates, ", ") + ".",
		Hint:    fmt.Sprintf("Who added a gate removes it, for example Kueue when there is quota (`kubectl get workloads -n %s`); or exempt the pod there, with --pod-label.", pod.Namespace),
	}
}
