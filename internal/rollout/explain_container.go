package rollout

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

// crashesUntilFinal is the number of crashes after which waiting is pointless. The
// node may have caused the first.
const crashesUntilFinal = 3

// shortLife is the longest run that counts as a crash at the start: the restarts of
// a pod over weeks are not a crash loop.
const shortLife = time.Minute

// sandboxNotCreated: the network plugin and the memory limit may prevent the pod's
// sandbox, which comes before the containers; only events show it.
func sandboxNotCreated(v State, pod *corev1.Pod) *Cause {
	if pod == nil || started(pod) {
		return nil
	}
	event := v.lastEvent(pod.UID, "FailedCreatePodSandBox")
	if event == nil || v.cameFurther(pod, event) {
		return nil
	}
	return &Cause{
		Reason: event.Reason, Object: podRef(pod),
		Message: fmt.Sprintf("Node %s cannot start the pod: %s", pod.Spec.NodeName, oneLine(event.Message)),
		Hint:    startHint(event.Message),
	}
}

// startHint returns the hint for a pod or container that the node cannot start.
func startHint(message string) string {
	if strings.Contains(message, "OOM-killed") || strings.Contains(message, "memory limit") {
		return "Raise --memory-limit: it includes the builds."
	}
	return "The node's container runtime or network plugin says why; the kubelet keeps trying."
}

// waiting returns the state of the container that counts, if it waits.
func (v State) waiting(pod *corev1.Pod) *corev1.ContainerStateWaiting {
	if pod == nil {
		return nil
	}
	status := kube.ContainerStatus(pod, v.Container)
	if status == nil {
		return nil
	}
	// A sidecar of the same image comes first, and meets what the image has in store.
	for _, sidecar := range pod.Status.InitContainerStatuses {
		if sidecar.State.Waiting != nil && sidecar.Image != "" && sidecar.Image == status.Image && !started(pod) {
			return sidecar.State.Waiting
		}
	}
	return status.State.Waiting
}

// started reports whether any container has run: the volumes are mounted then.
func started(pod *corev1.Pod) bool {
	return slices.ContainsFunc(slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses), func(status corev1.ContainerStatus) bool {
		return status.State.Running != nil || status.RestartCount > 0
	})
}

// configError is the kubelet's reason for a container whose Secret, ConfigMap or
// key is missing.
const configError = "CreateContainerConfigError"

func containerNotCreated(v State, pod *corev1.Pod) *Cause {
	state := v.waiting(pod)
	if state == nil {
		return nil
	}
	switch state.Reason {
	case configError:
		return &Cause{
			// An object that was missing earlier may exist now: the kubelet retries.
			Reason: state.Reason, Object: podRef(pod), Final: pod.UID != v.EarlierTrouble,
			Message: "The container's configuration is not usable: " + oneLine(state.Message),
			Hint:    "Create the object that the message names, then run the same command again.",
		}
	case "CreateContainerError", "RunContainerError", "PreCreateHookError", "CreatePodSandboxError":
		return &Cause{
			Reason: state.Reason, Object: podRef(pod),
			Message: fmt.Sprintf("Node %s cannot create the container: %s", pod.Spec.NodeName, oneLine(state.Message)),
			Hint:    "The node's container runtime says why; the kubelet keeps trying.",
		}
	}
	return nil
}

// crashed: the daemon started and ended, and the kubelet delays the restart. The
// caller adds the end of the log. A container that runs is not a crash: the node
// may have caused an earlier end.
func crashed(v State, pod *corev1.Pod) *Cause {
	if pod == nil {
		return nil
	}
	status := kube.ContainerStatus(pod, v.Container)
	end := lastEnd(status)
	if end == nil {
		return nil
	}
	crashes := status.RestartCount + 1
	cause := &Cause{
		Reason: "CrashLoopBackOff", Object: podRef(pod), Ended: true, Container: v.Container,
		Final: crashes >= crashesUntilFinal && end.FinishedAt.Sub(end.StartedAt.Time) < shortLife,
	}
	switch end.Reason {
	case "OOMKilled":
		cause.Reason = "OOMKilled"
		cause.Message = fmt.Sprintf("The daemon was killed for exceeding its memory limit (%s).", times(crashes))
		cause.Hint = "Raise --memory-limit: it includes the builds."
	case "StartError", "ContainerCannotRun":
		cause.Reason = end.Reason
		cause.Message = fmt.Sprintf("The container could not be started (%s): %s", times(crashes), oneLine(end.Message))
		cause.Hint = startHint(end.Message)
	default:
		cause.Message = fmt.Sprintf("The daemon ended with exit code %d (%s).", end.ExitCode, times(crashes))
		cause.Hint = "Its last lines say why; check --dockerd-arg, --env, --storage-driver and --registry-mirror."
	}
	return cause
}

// lastEnd returns how a container that does not run has ended; nil if it has not.
func lastEnd(status *corev1.ContainerStatus) *corev1.ContainerStateTerminated {
	switch {
	case status == nil:
		return nil
	case status.State.Terminated == nil && status.State.Waiting != nil:
		return status.LastTerminationState.Terminated
	}
	return status.State.Terminated
}

func times(n int32) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
