package cluster

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// bondPath is the field that ties a volume to one claim for good.
const bondPath = "spec.claimRef.uid"

// bond is the UID of the claim that a released volume was bound to; empty for
// every other object. With it, not even a claim of the same name can have the
// volume: an administrator takes it away by hand, or dindctl does, whose volume
// it is and whose data are on it. See
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/#retain
func bond(live metav1.Object) string {
	volume, is := live.(*corev1.PersistentVolume)
	if !is || volume == nil || volume.Status.Phase != corev1.VolumeReleased || volume.Spec.ClaimRef == nil {
		return ""
	}
	return string(volume.Spec.ClaimRef.UID)
}

// unbind makes a released volume available again, for a claim of the name that
// it is kept for. The data stay.
func (d Desired) unbind(ctx context.Context, live metav1.Object) error {
	patch, err := json.Marshal([]map[string]any{
		// Only if it is still that claim's.
		{"op": "test", "path": "/spec/claimRef/uid", "value": bond(live)},
		{"op": "remove", "path": "/spec/claimRef/uid"},
	})
	if err != nil {
		return fmt.Errorf("encoding a patch: %w", err)
	}
	_, err = retried(ctx, func(ctx context.Context) (metav1.Object, error) { return d.patch(ctx, patch, false) })
	return err
}
