//go:build e2e

package e2e

import (
	"context"
	"os/exec"
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// cgroupLabel is a node's label with the version of its control groups. The
// second node has a taint with the same key.
const cgroupLabel = "dindctl.test/cgroup"

// onSecondNode are the options that place the daemon on the second node, with a claim
// that its disk can hold.
var onSecondNode = []string{"--storage-size", "10Gi", "--node-selector", cgroupLabel + "=v2", "--toleration", cgroupLabel + "=v2:NoSchedule"}

// secondNode starts the embedded cluster's second node, whose control groups are
// of version 2, and returns its name. It stops the node after the test.
func secondNode(t *testing.T) string {
	t.Helper()
	if env.launcher != "" {
		// First, because it also runs if the start fails halfway.
		t.Cleanup(func() { launch(context.Background(), t, "leave") })
		launch(t.Context(), t, "join")
	}
	nodes := got[*corev1.NodeList](t)(env.cluster.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{LabelSelector: cgroupLabel + "=v2"}))
	for _, node := range nodes.Items {
		if len(node.Spec.Taints) > 0 {
			return node.Name
		}
	}
	if env.launcher == "" {
		t.Skipf("no node has the label and the taint %s=v2: this test moves a daemon between nodes", cgroupLabel)
	}
	t.Fatal("the embedded cluster has no second node")
	return ""
}

// launch runs a command of the embedded cluster's launcher.
func launch(ctx context.Context, t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(ctx, "go", append([]string{"run", "."}, args...)...)
	cmd.Dir = env.launcher
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the launcher of the cluster: %v: %v\n%s", args, err, out)
	}
}

// label sets a label of a node that selects it for an installation.
func (i *installation) label(t *testing.T, node string) {
	t.Helper()
	patchNode(t, node, `{"metadata":{"labels":{"`+i.namespace+`":"here"}}}`, `{"metadata":{"labels":{"`+i.namespace+`":null}}}`)
}

// evict evicts the daemon's pod, as `kubectl drain` does.
func (i *installation) evict(t *testing.T) types.UID {
	t.Helper()
	pod := i.pod(t)
	must(t, env.cluster.PolicyV1().Evictions(i.namespace).Evict(t.Context(), &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace}}))
	return pod.UID
}
