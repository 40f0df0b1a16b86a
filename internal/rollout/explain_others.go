package rollout

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

// container is one container of a pod.
type container struct {
	*corev1.ContainerStatus
	kind string // "init container" or "container"
}

// containers returns the containers of a pod, init containers first.
func containers(pod *corev1.Pod) (all []container) {
	for i := range pod.Status.InitContainerStatuses {
		all = append(all, container{&pod.Status.InitContainerStatuses[i], "init container"})
	}
	for i := range pod.Status.ContainerStatuses {
		all = append(all, container{&pod.Status.ContainerStatuses[i], "container"})
	}
	return all
}

// blocked are the reasons for which a container waits that do not pass with its start.
var blocked = []string{
	"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull",
	configError, "CreateContainerError", "RunContainerError", "CrashLoopBackOff",
}

// otherContainerReason is the reason of otherContainer.
const otherContainerReason = "OtherContainer"

// otherContainer: a container that admission has added, such as a mesh's proxy, keeps the
// pod from starting or from being ready.
func otherContainer(v State, pod *corev1.Pod) *Cause {
	if pod == nil || finished(pod) || podReady(pod) {
		return nil
	}
	for _, c := range containers(pod) {
		if c.kind == "container" && c.Name == v.Container {
			continue
		}
		problem := ""
		end := lastEnd(c.ContainerStatus)
		switch waits := c.State.Waiting; {
		case end != nil && end.ExitCode != 0:
			problem = fmt.Sprintf("ended with exit code %d (%s)", end.ExitCode, times(c.RestartCount+1))
		case waits != nil && slices.Contains(blocked, waits.Reason):
			problem = "does not start (" + waits.Reason + "): " + oneLine(waits.Message)
		case c.kind == "container" && c.State.Running != nil && !c.Ready && ownReady(v, pod):
			problem = "is not ready, and so the pod is not"
		default:
			continue
		}
		return &Cause{
			Reason: otherContainerReason, Object: podRef(pod), Container: c.Name,
			Message: fmt.Sprintf("The %s %s, which dindctl did not add, %s.", c.kind, c.Name, problem),
			Hint:    fmt.Sprintf("`kubectl logs -n %s %s -c %s` shows why. "+OptOutHint, pod.Namespace, pod.Name, c.Name),
		}
	}
	return nil
}

// ownReady reports whether the container that counts is ready.
func ownReady(v State, pod *corev1.Pod) bool {
	status := kube.ContainerStatus(pod, v.Container)
	return status != nil && status.Ready
}

// OptOutHint is how to keep containers of others out of the pods.
const OptOutHint = "The webhook or policy that adds it usually exempts pods by a label or annotation: see its documentation, and set it with --pod-label or --pod-annotation."
