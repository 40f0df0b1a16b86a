package rollout

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// crashesUntilFinal is after how many crashes a daemon is taken to crash
// always: the first may be the node's, the third is its own.
const crashesUntilFinal = 3

// shortLife is how long a daemon runs at most that is said to crash at its
// start: restarts that a pod collected over weeks are no crash loop.
const shortLife = time.Minute

// volumeNotMounted: only events tell that a volume cannot be attached or
// mounted; the pod merely stays in ContainerCreating.
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
		Hint:    "`kubectl describe pod " + pod.Name + " -n " + pod.Namespace + "` has the whole story.",
	}
	switch {
	case missingMount.MatchString(event.Message):
		cause.Message = fmt.Sprintf("The pod waits for something that does not exist: %s", oneLine(event.Message))
		cause.Hint = "`dindctl install`, with the options of this installation, makes it."
	case event.Reason == "FailedAttachVolume":
		cause.Hint = "The volume is still attached to another node; it is released when the pod there is gone."
	case strings.Contains(event.Message, "does not exist"), strings.Contains(event.Message, "no such file or directory"):
		cause.Hint = fmt.Sprintf("Make the directory of --local-path on node %s; the pod starts by itself then.", pod.Spec.NodeName)
	}
	return cause
}

// missingMount is how the kubelet says that an object is not there which the pod
// mounts. It is made before the pod's Deployment is.
var missingMount = regexp.MustCompile(`(configmap|secret) "[^"]+" not found`)

// cameFurther tells whether the pod has left behind what an event complains
// of: its image is only pulled once volumes and sandbox are there.
func (v State) cameFurther(pod *corev1.Pod, trouble *corev1.Event) bool {
	if state := waiting(pod); state != nil && state.Reason != "" && state.Reason != "ContainerCreating" && state.Reason != "PodInitializing" {
		return true
	}
	later := v.lastEvent(pod.UID, "Pulling", "Pulled", "Failed", "BackOff", "Created")
	return later != nil && !eventTime(later).Before(eventTime(trouble))
}

// sandboxNotCreated: before a container there is the pod's sandbox, which the
// network plugin and the memory limit may refuse; only events tell.
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

// startHint is the way out when the node cannot start a pod or its container.
func startHint(message string) string {
	if strings.Contains(message, "OOM-killed") || strings.Contains(message, "memory limit") {
		return "Raise --memory-limit: it holds the builds too."
	}
	return "The node's container runtime or network plugin says why; the kubelet keeps trying."
}

// waiting gives the state of the pod's first container that waits.
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

func imageNotPulled(v State, pod *corev1.Pod) *Cause {
	if pod == nil || waiting(pod) == nil {
		return nil
	}
	state := waiting(pod)
	cause := &Cause{Reason: state.Reason, Object: podRef(pod)}
	switch state.Reason {
	case "InvalidImageName":
		cause.Final = true
		cause.Message = fmt.Sprintf("%q is not an image name.", image(pod))
		cause.Hint = "Correct --image."
	case "ErrImageNeverPull":
		cause.Final = true
		cause.Message = fmt.Sprintf("The image %s is not on node %s, and pulling is not allowed.", image(pod), pod.Spec.NodeName)
		cause.Hint = "Load the image onto the node, or name another with --image."
	case "ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "SignatureValidationFailed":
		cause.Message = fmt.Sprintf("The image %s cannot be pulled: %s", image(pod), pullFailure(v, pod, state))
		cause.Hint = "Check --image, --image-pull-secret, and that the node reaches the registry."
	default:
		return nil
	}
	return cause
}

// pullFailure is the registry's own answer. While the kubelet backs off, the
// container's state no longer carries it; the Failed event before does.
func pullFailure(v State, pod *corev1.Pod, state *corev1.ContainerStateWaiting) string {
	if state.Reason == "ImagePullBackOff" {
		if event := v.lastEvent(pod.UID, "Failed"); event != nil && strings.Contains(event.Message, "ailed to pull") {
			_, answer, found := strings.Cut(event.Message, fmt.Sprintf("Failed to pull image %q: ", image(pod)))
			if !found {
				answer = event.Message
			}
			return oneLine(answer)
		}
	}
	return oneLine(state.Message)
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
			// What it lacked earlier may be there by now: the kubelet looks again.
			Reason: state.Reason, Object: podRef(pod), Final: pod.UID != v.EarlierTrouble,
			Message: "The container's configuration is not usable: " + oneLine(state.Message),
			Hint:    "Make the object it names, then run the same command again.",
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

// crashed: the daemon started and ended, and the kubelet holds it back from
// being started again. Its last words are added by whoever can read logs. A
// container that runs is given its chance: an earlier end may have been the
// node's.
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
			cause.Hint = "Raise --memory-limit: it holds the builds too."
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
