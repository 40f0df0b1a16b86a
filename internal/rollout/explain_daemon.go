package rollout

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// LockHeld is what a daemon says, by its startup probe, while another daemon holds the
// lock in its data root. The scripts of the daemon contain the same text.
const LockHeld = "another daemon uses this data root: waiting for it to stop"

// lockHeld: the container runs, but its daemon waits for another one to stop. Only the
// events of the startup probe show it.
func lockHeld(v State, pod *corev1.Pod) *Cause {
	if pod == nil || podReady(pod) {
		return nil
	}
	event := v.newestEvent(pod.UID, func(event *corev1.Event) bool {
		return event.Reason == "Unhealthy" && strings.HasPrefix(event.Message, "Startup probe failed")
	})
	if event == nil || !strings.Contains(event.Message, LockHeld) {
		return nil
	}
	return WaitsForLock(v, pod)
}

// LockHeldReason is the reason of WaitsForLock.
const LockHeldReason = "LockHeld"

// WaitsForLock returns the cause for a daemon that waits until another one has released
// the data root.
func WaitsForLock(v State, pod *corev1.Pod) *Cause {
	cause := &Cause{
		Reason: LockHeldReason, Object: podRef(pod),
		Message: fmt.Sprintf("The daemon in pod %s has not started yet: %s.", pod.Name, LockHeld),
		Hint: fmt.Sprintf("It starts when the other one has stopped: `kubectl get pods -n %s -o wide` lists the pods; another installation must not use the same claim or directory.",
			pod.Namespace),
	}
	for _, other := range v.Pods {
		if other.UID != pod.UID && other.DeletionTimestamp != nil && !finished(other) {
			cause.Message = fmt.Sprintf("The daemon in pod %s waits until the one in pod %s has stopped: two never use one data root.", pod.Name, other.Name)
			cause.Hint = fmt.Sprintf("It starts then; `kubectl get pods -n %s` shows when.", pod.Namespace)
		}
	}
	return cause
}

// recently is how long a restart of the daemon counts.
const recently = 24 * time.Hour

// Restarted returns that, how often and why the container of a pod restarted within
// the last day; nil if it did not. Final means that it restarts again and again.
func Restarted(pod *corev1.Pod, container string, now time.Time) *Cause {
	for _, status := range pod.Status.ContainerStatuses {
		end := status.LastTerminationState.Terminated
		if status.Name != container || status.RestartCount == 0 || end == nil || now.Sub(end.FinishedAt.Time) > recently {
			continue
		}
		perRestart := now.Sub(pod.CreationTimestamp.Time) / time.Duration(status.RestartCount)
		cause := &Cause{
			Reason: "Restarted", Object: podRef(pod),
			// The node may have caused one or two.
			Final: status.RestartCount >= crashesUntilFinal && perRestart < recently,
		}
		why, hint := "ended with exit code "+fmt.Sprint(end.ExitCode), fmt.Sprintf("`kubectl logs -n %s %s -c %s --previous` shows its last lines.", pod.Namespace, pod.Name, container)
		if end.Reason == "OOMKilled" {
			why, hint = "was killed for exceeding its memory limit", "Raise --memory-limit: it includes the builds."
		}
		cause.Message = fmt.Sprintf("The daemon restarted %s since its pod started, last at %s: it %s. Builds that ran then failed.",
			times(status.RestartCount), end.FinishedAt.UTC().Format("2 Jan 15:04 MST"), why)
		cause.Hint = hint
		return cause
	}
	return nil
}
