//go:build e2e

package e2e

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
)

// anyNode returns the hostname of a node that accepts pods.
func anyNode(t *testing.T) string {
	t.Helper()
	nodes := got[*corev1.NodeList](t)(env.cluster.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{}))
	for _, node := range nodes.Items {
		if !node.Spec.Unschedulable && len(node.Spec.Taints) == 0 {
			return node.Labels[corev1.LabelHostname]
		}
	}
	t.Fatal("no node accepts pods")
	return ""
}

// patchNode changes a node, and back after the test or when undo is called.
func patchNode(t *testing.T, node, patch, back string) (undo func()) {
	t.Helper()
	nodes := env.cluster.CoreV1().Nodes()
	_, err := nodes.Patch(t.Context(), node, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	must(t, err)
	undo = sync.OnceFunc(func() {
		// The test's own context may have ended.
		if _, err := nodes.Patch(context.Background(), node, types.MergePatchType, []byte(back), metav1.PatchOptions{}); err != nil {
			t.Errorf("node %s stays changed: %v", node, err)
		}
	})
	t.Cleanup(undo)
	return undo
}

// cordon cordons a node, or each node without a name, and returns a function that
// uncordons them again.
func cordon(t *testing.T, node string) (uncordon func()) {
	t.Helper()
	nodes := got[*corev1.NodeList](t)(env.cluster.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{}))
	var undo []func()
	for _, found := range nodes.Items {
		if !found.Spec.Unschedulable && (node == "" || found.Name == node) {
			undo = append(undo, patchNode(t, found.Name, `{"spec":{"unschedulable":true}}`, `{"spec":{"unschedulable":null}}`))
		}
	}
	return func() {
		for _, one := range undo {
			one()
		}
	}
}

// hostPod returns a pod that runs a script on the node, with the node's
// directory mounted at /dir.
func hostPod(node, directory, script string) *corev1.Pod {
	pod := jobPod(baseImage, nil, script)
	pod.Spec.NodeSelector = map[string]string{corev1.LabelHostname: node}
	pod.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
	pod.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: new(true)}
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "dir", MountPath: "/dir"}}
	pod.Spec.Volumes = []corev1.Volume{{Name: "dir", VolumeSource: corev1.VolumeSource{
		HostPath: &corev1.HostPathVolumeSource{Path: directory, Type: new(corev1.HostPathDirectoryOrCreate)},
	}}}
	return pod
}

// onNode runs a script on a node, with the node's directory mounted at /dir.
// The directory is created if it does not exist.
func onNode(t *testing.T, namespace, node, directory, script string) {
	t.Helper()
	ran := runPod(t, namespace, hostPod(node, directory, script))
	if ran.code != 0 {
		t.Fatalf("on node %s: %s\n%s", node, script, ran.log)
	}
}

// removeDirectory removes a directory from a node. It uses a pod in another
// namespace, because the test's own may be gone.
func removeDirectory(t *testing.T, node, directory string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	parent, name := directory[:strings.LastIndex(directory, "/")], directory[strings.LastIndex(directory, "/")+1:]
	pod := hostPod(node, parent, "rm -rf /dir/"+name)
	pod.Spec.RestartPolicy = corev1.RestartPolicyOnFailure
	pods := env.cluster.CoreV1().Pods(metav1.NamespaceDefault)
	pod, err := pods.Create(ctx, pod, metav1.CreateOptions{})
	if err != nil {
		t.Errorf("removing %s: %v", directory, err)
		return
	}
	err = wait.PollUntilContextCancel(ctx, 300*time.Millisecond, false, func(ctx context.Context) (bool, error) {
		now, err := pods.Get(ctx, pod.Name, metav1.GetOptions{})
		return err == nil && now.Status.Phase == corev1.PodSucceeded, err
	})
	if err := pods.Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))}); err != nil {
		t.Errorf("removing pod/%s: %v", pod.Name, err)
	}
	if err != nil {
		t.Errorf("removing %s: %v", directory, err)
	}
}
