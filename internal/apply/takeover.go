package apply

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

// takeOver makes dindctl the owner of the object's fields and changes nothing
// else: no field, no generation, no pod. The server-side apply that follows then
// also removes the fields that dindctl does not set.
func (s step) takeOver(ctx context.Context) error {
	live, pause := s.live, kube.Backoff()
	for {
		entries, err := adoptedFields(live, s.replaceable)
		if err != nil {
			return fmt.Errorf("taking over its fields: %w", err)
		}
		patch, err := json.Marshal([]map[string]any{
			{"op": "add", "path": "/metadata/managedFields", "value": entries},
			// Not "test": the API server answers a failed test with an invalid
			// request, and this with a conflict.
			{"op": "replace", "path": "/metadata/resourceVersion", "value": live.GetResourceVersion()},
		})
		if err != nil {
			return fmt.Errorf("taking over its fields: %w", err)
		}
		_, err = s.client.Patch(ctx, s.ref.Name, patch, false)
		// The patch is for one version of the object. Controllers write to a
		// Deployment all the time, so it is retried with the new version.
		if !apierrors.IsConflict(err) || pause.Steps <= 1 {
			return err
		}
		pause.Step()
		uid := live.GetUID()
		if live, err = s.client.Get(ctx, s.ref.Name); err != nil {
			return err
		}
		if live == nil || live.GetUID() != uid {
			return nil // that object is gone: there is nothing to take over
		}
	}
}

// lastApplied is the annotation in which kubectl apply keeps the last manifest.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// toolMarks returns the keys in a part of the metadata by which tools recognize
// their objects. If they stayed, Helm would go on managing the object.
func toolMarks(part string) []string {
	if part == "labels" {
		return []string{"helm.sh/chart"}
	}
	return []string{lastApplied, "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"}
}

// contents returns the parts of objects that are neither metadata nor status.
func contents() []string { return []string{"spec", "data", "binaryData", "immutable"} }

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
