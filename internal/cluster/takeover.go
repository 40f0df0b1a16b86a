package cluster

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// takeOver makes dindctl the owner of what somebody else put into the object,
// and changes nothing else: no field, no generation, no pod. What dindctl then
// leaves out of what it applies is removed by the very server-side apply that
// brings in the rest, in one step.
func (d Desired) takeOver(ctx context.Context, live metav1.Object) error {
	pause := backoff()
	for {
		err := d.sendOwnership(ctx, live)
		// The patch holds for one version of the object. Controllers write to a
		// Deployment all the time: with the new version it is tried again.
		if !apierrors.IsConflict(err) || pause.Steps <= 1 {
			return err
		}
		pause.Step()
		uid := live.GetUID()
		if live, err = d.read(ctx); err != nil {
			return err
		}
		if live == nil || live.GetUID() != uid {
			return nil // another object has the name, or none: there is nothing to take over
		}
	}
}

func (d Desired) sendOwnership(ctx context.Context, live metav1.Object) error {
	entries, err := adoptedFields(live)
	if err != nil {
		return fmt.Errorf("taking over its fields: %w", err)
	}
	patch, err := json.Marshal([]map[string]any{
		{"op": "add", "path": "/metadata/managedFields", "value": entries},
		// Replaced, not tested: a test that fails is an invalid request to the
		// API server, this is a conflict.
		{"op": "replace", "path": "/metadata/resourceVersion", "value": live.GetResourceVersion()},
	})
	if err != nil {
		return fmt.Errorf("taking over its fields: %w", err)
	}
	_, err = retried(ctx, func(ctx context.Context) (metav1.Object, error) { return d.patch(ctx, patch, false) })
	return err
}

// lastApplied is where kubectl apply keeps the manifest it sent last.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// toolMarks are what tools write on objects to know them again, by the part of
// the metadata that has them. Left there they would lie, and Helm would take the
// object for its own.
func toolMarks(part string) []string {
	if part == "labels" {
		return []string{"helm.sh/chart"}
	}
	return []string{lastApplied, "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"}
}

// contents are the parts of objects that are not metadata and not status.
func contents() []string { return []string{"spec", "data", "binaryData", "immutable"} }

// replaceable tells the kinds that dindctl describes completely. Storage is
// not: what it is cannot be changed, and other kinds have no contents of ours.
func replaceable(kind string) bool {
	switch kind {
	case "PersistentVolumeClaim", "PersistentVolume", "StorageClass":
		return false
	}
	return true
}
