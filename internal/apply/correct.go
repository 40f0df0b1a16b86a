package apply

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
)

// corrections returns the changes to a live object that server-side apply cannot make
// before the object is applied: others own the fields, and a configuration cannot hold
// an empty list. To is nil in a field that must go.
func corrections(live metav1.Object, want Config) []FieldChange {
	switch object := live.(type) {
	case *corev1.PersistentVolume:
		if object != nil && object.Status.Phase == corev1.VolumeReleased && object.Spec.ClaimRef != nil && object.Spec.ClaimRef.UID != "" {
			// While it is set, not even a claim of the same name can bind the volume;
			// an administrator, or dindctl for its own volumes, clears it. No data is
			// deleted. See https://kubernetes.io/docs/concepts/storage/persistent-volumes/#retain
			return []FieldChange{{Path: claimUIDPath, From: string(object.Spec.ClaimRef.UID)}}
		}
	case *corev1.Service:
		if object == nil {
			return nil
		}
		var fields []FieldChange
		if len(object.Spec.ExternalIPs) > 0 {
			// Each node accepts connections to them from outside the cluster.
			fields = append(fields, FieldChange{Path: "spec.externalIPs", From: object.Spec.ExternalIPs})
		}
		if service, is := want.(*applycore.ServiceApplyConfiguration); is && service.Spec != nil {
			fields = append(fields, renumbered(object.Spec.Ports, service.Spec.Ports)...)
		}
		return fields
	}
	return nil
}

// renumbered returns the changes to ports of a Service that have the name of a wanted
// port and another number. Applying adds the wanted port beside such a port, because
// server-side apply merges ports by number and protocol, and names have to be unique.
func renumbered(live []corev1.ServicePort, want []applycore.ServicePortApplyConfiguration) (fields []FieldChange) {
	for _, port := range want {
		if port.Name == nil || port.Port == nil || port.Protocol == nil {
			continue
		}
		there := slices.ContainsFunc(live, func(p corev1.ServicePort) bool { return p.Port == *port.Port && p.Protocol == *port.Protocol })
		for i, p := range live {
			path := fmt.Sprintf("spec.ports.%d", i)
			switch {
			case p.Name != *port.Name || p.Port == *port.Port:
			case there:
				return []FieldChange{{Path: path, From: p}} // one name is on one port
			case p.Protocol == *port.Protocol:
				fields = append(fields, FieldChange{Path: path + ".port", From: p.Port, To: *port.Port})
			}
		}
	}
	return fields
}

// claimUIDPath is the field that binds a volume to one claim.
const claimUIDPath = "spec.claimRef.uid"

// correct makes the corrections, if the fields still have the values that they had.
func (s step) correct(ctx context.Context) error {
	var operations []map[string]any
	for _, field := range corrections(s.live, s.want) {
		pointer := "/" + strings.ReplaceAll(field.Path, ".", "/")
		change := map[string]any{"op": "remove", "path": pointer}
		if field.To != nil {
			change = map[string]any{"op": "replace", "path": pointer, "value": field.To}
		}
		operations = append(operations, map[string]any{"op": "test", "path": pointer, "value": field.From}, change)
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
