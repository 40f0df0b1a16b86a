package lifecycle

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/rollout"
)

// checkVolumeNode asks why the only node that has the volume takes no pod: the scheduler
// counts nodes without their names. Without the rights to read volumes and nodes, what
// the scheduler says counts.
func (i Instance) checkVolumeNode(ctx context.Context, state rollout.State, status *rollout.Status) {
	unscheduled := status.Cause != nil && (status.Cause.Reason == rollout.UnschedulableReason || status.Cause.Reason == rollout.VolumeElsewhereReason)
	if !unscheduled || state.Claim == nil || state.Claim.Spec.VolumeName == "" {
		return
	}
	volume, err := i.Cluster.PersistentVolume(ctx, state.Claim.Spec.VolumeName)
	if volume == nil || err != nil {
		return
	}
	nodes := nodesOf(volume)
	if len(nodes) != 1 {
		return
	}
	node, err := i.Cluster.Node(ctx, nodes[0])
	if err != nil {
		return
	}
	if trouble, hint := nodeTrouble(node, nodes[0]); trouble != "" {
		status.Cause.Message = fmt.Sprintf("The cache is on volume %s, and its %s.", volume.Name, trouble)
		status.Cause.Hint = hint
	}
}

// nodesOf returns the names of the nodes that have the volume; nil if any node can
// mount it.
func nodesOf(volume *corev1.PersistentVolume) []string {
	if volume.Spec.NodeAffinity == nil || volume.Spec.NodeAffinity.Required == nil {
		return nil
	}
	var names []string
	for _, term := range volume.Spec.NodeAffinity.Required.NodeSelectorTerms {
		for _, r := range term.MatchExpressions {
			if r.Key == corev1.LabelHostname && r.Operator == corev1.NodeSelectorOpIn {
				names = append(names, r.Values...)
			}
		}
	}
	return names
}

// nodeTrouble returns why the node takes no pods, whatever their tolerations, and the
// next step; "" if nothing is known to be wrong. The node is nil if there is none.
func nodeTrouble(node *corev1.Node, name string) (trouble, hint string) {
	if node == nil {
		return fmt.Sprintf("node %q does not exist", name), "`kubectl get nodes` lists the nodes."
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady && condition.Status != corev1.ConditionTrue {
			return fmt.Sprintf("node %s is not ready", name), "kubectl describe node " + name
		}
	}
	if node.Spec.Unschedulable {
		return fmt.Sprintf("node %s is cordoned", name), "kubectl uncordon " + name
	}
	return "", ""
}
