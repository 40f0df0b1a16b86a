package apply

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// claimUIDPath is the field that binds a volume to one claim.
const claimUIDPath = "spec.claimRef.uid"

// claimUID returns the UID of the claim that a released volume was bound to, ""
// for every other object. While it is set, not even a claim of the same name can
// bind the volume; an administrator, or dindctl for its own volumes, clears it. See
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/#retain
func claimUID(live metav1.Object) string {
	volume, is := live.(*corev1.PersistentVolume)
	if !is || volume == nil || volume.Status.Phase != corev1.VolumeReleased || volume.Spec.ClaimRef == nil {
		return ""
	}
	return string(volume.Spec.ClaimRef.UID)
}

// clearClaimUID makes a released volume available to a new claim of the same
// name. It does not delete data.
func (s step) clearClaimUID(ctx context.Context) error {
	patch, err := json.Marshal([]map[string]any{
		// Only if the volume is still bound to that claim.
		{"op": "test", "path": "/spec/claimRef/uid", "value": claimUID(s.live)},
		{"op": "remove", "path": "/spec/claimRef/uid"},
	})
	if err != nil {
		return fmt.Errorf("encoding a patch: %w", err)
	}
	_, err = s.client.Patch(ctx, s.ref.Name, patch, false)
	return err
}
