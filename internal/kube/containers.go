package kube

import corev1 "k8s.io/api/core/v1"

// ContainerStatus returns the status of a container of the pod by its name: admission may
// have added others before it. It returns nil if the kubelet has not reported any.
func ContainerStatus(pod *corev1.Pod, container string) *corev1.ContainerStatus {
	for i := range pod.Status.ContainerStatuses {
		if status := &pod.Status.ContainerStatuses[i]; status.Name == container {
			return status
		}
	}
	return nil
}

// ContainerEnd returns how a container of the pod ended; nil if it has not.
func ContainerEnd(pod *corev1.Pod, container string) *corev1.ContainerStateTerminated {
	if status := ContainerStatus(pod, container); status != nil {
		return status.State.Terminated
	}
	return nil
}

// TerminationMessage returns the termination message of a container of the pod.
func TerminationMessage(pod *corev1.Pod, container string) string {
	if end := ContainerEnd(pod, container); end != nil {
		return end.Message
	}
	return ""
}

// OthersRunning returns the names of the pod's other containers that run: they keep the
// pod of a Job running after its own container has ended.
func OthersRunning(pod *corev1.Pod, container string) (names []string) {
	for _, status := range pod.Status.ContainerStatuses {
		if status.Name != container && status.State.Running != nil {
			names = append(names, status.Name)
		}
	}
	return names
}
