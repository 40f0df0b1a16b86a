package rollout

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

// MountsClaim reports whether a pod mounts the claim, for whatever purpose.
func MountsClaim(pod corev1.PodSpec, claim string) bool {
	return slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool {
		return v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == claim
	})
}

// OtherPods returns the pods that use the claim, without those of the Deployment.
// Finished pods use nothing.
func OtherPods(claim, deployment string, pods []corev1.Pod) (others []kube.Ref) {
	for i := range pods {
		pod := &pods[i]
		if MountsClaim(pod.Spec, claim) && !finished(pod) && !belongsTo(pod, deployment) {
			others = append(others, podRef(pod))
		}
	}
	return others
}
