package apply

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// clearings returns the fields of a live object that must go, and that server-side
// apply cannot remove: others own them, and a configuration cannot hold an empty
// list. To is nil in all of them.
func clearings(live metav1.Object) []FieldChange {
	switch object := live.(type) {
	case *corev1.PersistentVolume:
		if object != nil && object.Status.Phase == corev1.VolumeReleased && object.Spec.ClaimRef != nil && object.Spec.ClaimRef.UID != "" {
			// While it is set, not even a claim of the same name can bind the volume;
			// an administrator, or dindctl for its own volumes, clears it. No data is
			// deleted. See https://kubernetes.io/docs/concepts/storage/persistent-volumes/#retain
			return []FieldChange{{Path: claimUIDPath, From: string(object.Spec.ClaimRef.UID)}}
		}
	case *corev1.Service:
		if object != nil && len(object.Spec.ExternalIPs) > 0 {
			// Each node accepts connections to them from outside the cluster.
			return []FieldChange{{Path: "spec.externalIPs", From: object.Spec.ExternalIPs}}
		}
	}
	return nil
}

// claimUIDPath is the field that binds a volume to one claim.
const claimUIDPath = "spec.claimRef.uid"

// clear removes the fields, if they still have the values that they had.
func (s step) clear(ctx context.Context) error {
	var operations []map[string]any
	for _, field := range clearings(s.live) {
		pointer := "/" + strings.ReplaceAll(field.Path, ".", "/")
		operations = append(operations,
			map[string]any{"op": "test", "path": pointer, "value": field.From},
			map[string]any{"op": "remove", "path": pointer})
	}
	if operations == nil {
		return nil
	}
	patch, err := json.Marshal(operations)
	if err != nil {
		return fmt.Errorf("encoding a patch: %w", err)
	}
	_, err = s.client.Patch(ctx, s.ref.Name, patch, false)
	return err
}
