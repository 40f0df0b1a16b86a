//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// No node accepts the pod. dindctl names the cause as soon as the scheduler
// reports it, and keeps waiting, because an autoscaler may add a node.
func TestCausesPlacement(t *testing.T) {
	t.Parallel()
	t.Run("unschedulable node selector", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		const words = "didn't match Pod's node affinity/selector"
		selector := []string{"--node-selector", "e2e.dindctl.test/none=here", "--timeout", shortly}
		w := i.watchedInstall(t, selector...)
		w.want(t, notReady)
		w.reports(t, words, i.unscheduledSince(t))
		f := i.failedInstall(t, selector...).names(t, "Unschedulable", "nodes are available", words)
		contains(t, "hint", f.Hint, "--node-selector")
		i.statusSays(t, f)
		i.install(t)
	})
	t.Run("request too large", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		f := i.failedInstall(t, "--cpu-request", "4000", "--timeout", shortly).names(t, "Unschedulable", "Insufficient cpu")
		contains(t, "hint", f.Hint, "--cpu-request")
	})
	// A terminating pod still uses the volume. With ReadWriteOncePod the
	// scheduler reports this. install continues once that pod is gone.
	t.Run("volume used by a terminating pod", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		localClaim(t, i.namespace, "held", corev1.ReadWriteOncePod)
		holder := jobPod(baseImage, nil, `trap "" TERM; echo holding; while :; do sleep 1; done`)
		holder.Name, holder.GenerateName = "holder", ""
		holder.Spec.TerminationGracePeriodSeconds = new(int64(25))
		mountClaim(holder, "held")
		pods := env.cluster.CoreV1().Pods(i.namespace)
		holder = got[*corev1.Pod](t)(pods.Create(t.Context(), holder, metav1.CreateOptions{}))
		podUntil(t, holder, podReady)
		must(t, pods.Delete(t.Context(), holder.Name, metav1.DeleteOptions{}))

		options := []string{"--existing-claim", "held", "--storage-driver", "vfs"}
		i.failedInstall(t, options...).finds(t, "claim in use", "held is used by pod/holder")
		f := i.failedInstall(t, append(options, "--skip-preflight", "--timeout", "8s")...)
		f.names(t, "Unschedulable", "ReadWriteOncePod")
		i.install(t, append(options, "--skip-preflight")...)
	})
}

// A cordoned node is reported like any other node that does not accept the pod.
// The waiting install continues once the node is schedulable again. This test
// does not run in parallel with others, and cordons the nodes for a few
// seconds.
func TestCausesNodeCordoned(t *testing.T) {
	node := anyNode(t)
	i := inNewNamespace(t, nil)
	uncordon := cordon(t, "")
	c := prepare(t, nil, i.command("install", i.installOptions()...)...).start(t)
	eventually(t, "the cause on stderr", func(context.Context) (bool, error) {
		return strings.Contains(c.stderr.String(), "were unschedulable"), nil
	})
	f := decode[status](t, dindctl(t, i.command("status", "-o", "json")...).want(t, notReady))
	checked := failedCheck(t, dindctl(t, i.command("check", i.installOptions("--name", "e2e", "--local-path", "/var/lib/e2e", "--local-node", node, "-o", "json")...)...), "node")
	uncordon()
	c.wait(t).want(t, done).says(t, "No node can take the pod", "were unschedulable")
	if len(f.Problems) != 1 || f.Problems[0].Reason != "Unschedulable" {
		t.Errorf("status while the node is cordoned: %+v", f.Problems)
	}
	contains(t, "the check", checked.Reason, "node "+node+" is cordoned")
	contains(t, "the check's hint", checked.Hint, "kubectl uncordon "+node)
}
