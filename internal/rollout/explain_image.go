package rollout

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

func imageNotPulled(v State, pod *corev1.Pod) *Cause {
	state := v.waiting(pod)
	if state == nil {
		return nil
	}
	cause := &Cause{Reason: state.Reason, Object: podRef(pod)}
	switch state.Reason {
	case "InvalidImageName":
		cause.Final = true
		cause.Message = fmt.Sprintf("%q is not an image name.", v.image(pod))
		cause.Hint = "Correct --image."
	case "ErrImageNeverPull":
		cause.Final = true
		cause.Message = fmt.Sprintf("The image %s is not on node %s, and pulling is not allowed.", v.image(pod), pod.Spec.NodeName)
		cause.Hint = "Load the image onto the node, or set another one with --image."
	case "ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "SignatureValidationFailed":
		cause.Message = fmt.Sprintf("The image %s cannot be pulled: %s", v.image(pod), pullFailure(v, pod, state))
		cause.Hint = pullHint(cause.Message)
	case "ImageInspectError":
		cause.Message = fmt.Sprintf("Node %s cannot use the image %s: %s", pod.Spec.NodeName, v.image(pod), oneLine(state.Message))
		cause.Hint = pullHint(cause.Message)
	default:
		return nil
	}
	return cause
}

// pullHint returns the next step for a node that cannot pull the image.
func pullHint(message string) string {
	switch {
	case UntrustedRegistry(message):
		return "The node does not trust the authority of the registry's certificate: add it to the nodes' container runtime, or use an --image from a registry that they trust. --registry-ca is for what the daemon pulls."
	case RateLimited(message):
		return "The registry limits pulls: use an account with --image-pull-secret, or an --image from a mirror."
	case strings.Contains(message, "short name"):
		return "The nodes accept only images with a registry: for Docker Hub, put docker.io/library/ or docker.io/ before --image."
	}
	return "Check --image, --image-pull-secret, and that the node reaches the registry."
}

// UntrustedRegistry reports whether a node or the daemon says that a registry's
// certificate is from an authority that it does not trust.
func UntrustedRegistry(message string) bool {
	return strings.Contains(message, "x509: certificate signed by unknown authority")
}

// RateLimited reports whether a node or the daemon says that a registry refuses more pulls.
func RateLimited(message string) bool {
	return strings.Contains(message, "toomanyrequests") || strings.Contains(message, "429 Too Many Requests")
}

// pullFailure returns the registry's answer. While the kubelet backs off, only an
// earlier Failed event contains it, not the container's state. Other Failed events say
// only "Error: ImagePullBackOff".
func pullFailure(v State, pod *corev1.Pod, state *corev1.ContainerStateWaiting) string {
	if state.Reason == "ImagePullBackOff" {
		event := v.newestEvent(pod.UID, func(event *corev1.Event) bool {
			return event.Reason == "Failed" && strings.Contains(event.Message, "ailed to pull")
		})
		if event != nil {
			_, answer, found := strings.Cut(event.Message, fmt.Sprintf("Failed to pull image %q: ", v.image(pod)))
			if !found {
				answer = event.Message
			}
			return oneLine(answer)
		}
	}
	return oneLine(state.Message)
}
