package rollout

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// crashesUntilFinal is the number of crashes after which waiting is pointless. The
// node may have caused the first.
const crashesUntilFinal = 3

// shortLife is the longest run that counts as a crash at the start: the restarts of
// a pod over weeks are not a crash loop.
const shortLife = time.Minute

// volumeNotMounted: only events show that a volume cannot be attached or mounted;
// the pod itself stays in ContainerCreating.
func volumeNotMounted(v State, pod *corev1.Pod) *Cause {
	if pod == nil || pod.Spec.NodeName == "" || started(pod) {
		return nil
	}
	event := v.lastEvent(pod.UID, "FailedMount", "FailedAttachVolume", "FailedMapVolume")
	if event == nil || v.cameFurther(pod, event) {
		return nil
	}
	cause := &Cause{
		Reason: event.Reason, Object: podRef(pod),
		Message: fmt.Sprintf("Node %s cannot mount the volume: %s", pod.Spec.NodeName, oneLine(event.Message)),
		Hint:    "`kubectl describe pod " + pod.Name + " -n " + pod.Namespace + "` shows the details.",
	}
	switch {
	case missingMount.MatchString(event.Message):
		cause.Message = fmt.Sprintf("The pod waits for an object that does not exist: %s", oneLine(event.Message))
		cause.Hint = "`dindctl install`, with the options of this installation, creates it."
	case event.Reason == "FailedAttachVolume":
		cause.Hint = "The volume is still attached to another node, which releases it when the pod there is gone."
	case strings.Contains(event.Message, "does not exist"), strings.Contains(event.Message, "no such file or directory"):
		cause.Hint = fmt.Sprintf("Create the directory of --local-path on node %s; the pod then starts.", pod.Spec.NodeName)
	}
	return cause
}

// missingMount matches the kubelet's message about a missing object that the pod
// mounts. Install creates such objects before the Deployment.
var missingMount = regexp.MustCompile(`(configmap|secret) "[^"]+" not found`)

// cameFurther reports whether the pod is past the problem of an event: the kubelet
// pulls the image only after it has mounted the volumes and created the sandbox.
func (v State) cameFurther(pod *corev1.Pod, trouble *corev1.Event) bool {
	if state := waiting(pod); state != nil && state.Reason != "" && state.Reason != "ContainerCreating" && state.Reason != "PodInitializing" {
		return true
	}
	later := v.lastEvent(pod.UID, "Pulling", "Pulled", "Failed", "BackOff", "Created")
	return later != nil && !eventTime(later).Before(eventTime(trouble))
}

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

// waiting returns the state of the pod's first container that waits.
func waiting(pod *corev1.Pod) *corev1.ContainerStateWaiting {
	for i := range pod.Status.ContainerStatuses {
		if state := pod.Status.ContainerStatuses[i].State.Waiting; state != nil {
			return state
		}
	}
	return nil
}

func started(pod *corev1.Pod) bool {
	for _, status := range pod.Status.ContainerStatuses {
		if status.State.Running != nil || status.RestartCount > 0 {
			return true
		}
	}
	return false
}

// configError is the kubelet's reason for a container whose Secret, ConfigMap or
// key is missing.
const configError = "CreateContainerConfigError"

func containerNotCreated(v State, pod *corev1.Pod) *Cause {
	if pod == nil || waiting(pod) == nil {
		return nil
	}
	state := waiting(pod)
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
func crashed(_ State, pod *corev1.Pod) *Cause {
	if pod == nil {
		return nil
	}
	for _, status := range pod.Status.ContainerStatuses {
		end := status.State.Terminated
		if end == nil && status.State.Waiting != nil {
			end = status.LastTerminationState.Terminated
		}
		if end == nil {
			continue
		}
		crashes := status.RestartCount + 1
		cause := &Cause{
			Reason: "CrashLoopBackOff", Object: podRef(pod), Ended: true,
			Final: crashes >= crashesUntilFinal && end.FinishedAt.Sub(end.StartedAt.Time) < shortLife,
		}
		if end.Reason == "OOMKilled" {
			cause.Reason = "OOMKilled"
			cause.Message = fmt.Sprintf("The daemon was killed for exceeding its memory limit (%s).", times(crashes))
			cause.Hint = "Raise --memory-limit: it includes the builds."
			return cause
		}
		if end.Reason == "StartError" || end.Reason == "ContainerCannotRun" {
			cause.Reason = end.Reason
			cause.Message = fmt.Sprintf("The container could not be started (%s): %s", times(crashes), oneLine(end.Message))
			cause.Hint = startHint(end.Message)
			return cause
		}
		cause.Message = fmt.Sprintf("The daemon ended with exit code %d (%s).", end.ExitCode, times(crashes))
		cause.Hint = "Its last lines say why; check --dockerd-arg, --env, --storage-driver and --registry-mirror."
		return cause
	}
	return nil
}

func times(n int32) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
