package rollout

import (
	"cmp"
	"fmt"

	corev1 "k8s.io/api/core/v1"
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
