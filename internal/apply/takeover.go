package apply

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

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
