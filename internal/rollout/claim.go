package rollout

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

// ClaimTerminating returns the cause of a claim that is being deleted, nil for any
// other claim. Kubernetes keeps the claim while a pod uses it, and nobody can take the
// deletion back: only the reclaim policy of the volume still decides about the data.
// The cause is final, and its hint is the command that keeps the volume.
func ClaimTerminating(claim *corev1.PersistentVolumeClaim) *Cause {
	if claim == nil || claim.DeletionTimestamp == nil {
		return nil
	}
	volume := cmp.Or(claim.Spec.VolumeName,
		fmt.Sprintf("$(kubectl get pvc %s -n %s -o jsonpath={.spec.volumeName})", claim.Name, claim.Namespace))
	return &Cause{
		Reason: "ClaimTerminating", Object: claimRef(claim), Final: true,
		Message: fmt.Sprintf("Claim %s is being deleted: when the last pod that uses it stops, the claim is gone, and unless its volume is kept, so is the cache.", claim.Name),
		Hint: fmt.Sprintf("Keep the volume before the pod stops: "+
			`kubectl patch pv %[1]s -p '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}'. `+
			`When the claim is gone, free the volume: kubectl patch pv %[1]s --type json -p '[{"op":"remove","path":"/spec/claimRef"}]'; `+
			"then create a claim with that volumeName, and install with --existing-claim.", volume),
	}
}

// OtherPods returns the pods that use the claim, without those of the Deployment.
// Finished pods use nothing.
func OtherPods(claim, deployment string, pods []corev1.Pod) (others []kube.Ref) {
	for i := range pods {
		pod := &pods[i]
		uses := slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool {
			return v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == claim
		})
		if uses && !finished(pod) && !belongsTo(pod, deployment) {
			others = append(others, podRef(pod))
		}
	}
	return others
}
