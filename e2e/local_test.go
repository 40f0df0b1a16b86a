//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A Local PersistentVolume on a named node, with a registry mirror and the
// overlay2 driver: builds, survives uninstall, and is found by the next
// install. --delete-data removes the claim and the volume; the files stay.
func TestLocalVolume(t *testing.T) {
	t.Parallel()
	node := anyNode(t)
	i := &installation{namespace: newNamespace(t), name: defaultName, image: env.newest()}
	directory := "/var/lib/" + i.namespace
	createNamespace(t, i.namespace)
	onNode(t, i.namespace, node, directory, "true")
	// A deferred call, as the context of a test ends before its clean-ups.
	defer onNode(t, i.namespace, node, "/var/lib", "rm -rf /dir/"+i.namespace)

	options := []string{"--local-path", directory, "--local-node", node, "--storage-driver", "overlay2", "--storage-size", "20Gi"}
	i.install(t, options...)
	volume := i.namespace + "-" + i.name + "-data"
	before := got[*corev1.PersistentVolume](t)(env.cluster.CoreV1().PersistentVolumes().Get(t.Context(), volume, metav1.GetOptions{}))
	equal(t, "path", before.Spec.Local.Path, directory)
	equal(t, "reclaim policy", before.Spec.PersistentVolumeReclaimPolicy, corev1.PersistentVolumeReclaimRetain)
	equal(t, "the pod's node", i.pod(t).Spec.NodeName, node)
	i.buildsCold(t, "local")
	i.buildsCached(t, "local", "the second build")
	s := statusOf(t, i)
	equal(t, "storage driver", s.Daemon.StorageDriver, "overlay2")
	checkDisk(t, s)

	r := succeed(t, i.command("uninstall")...)
	for _, kept := range []string{i.name + "-data kept", volume + " kept"} {
		if !strings.Contains(r.stdout, kept) {
			t.Errorf("uninstall does not say %q:\n%s", kept, r.stdout)
		}
	}
	i.install(t, options...)
	i.buildsCached(t, "local", "after uninstall and install")

	// The claim deleted by hand: its volume is Released, and taken into use again.
	succeed(t, i.command("uninstall")...)
	must(t, env.cluster.CoreV1().PersistentVolumeClaims(i.namespace).Delete(t.Context(), i.name+"-data", metav1.DeleteOptions{}))
	eventually(t, "the volume to be released", func(ctx context.Context) (bool, error) {
		found, err := env.cluster.CoreV1().PersistentVolumes().Get(ctx, volume, metav1.GetOptions{})
		return err == nil && found.Status.Phase == corev1.VolumeReleased, err
	})
	foreseen := decode[installed](t, succeed(t, i.command("install", i.installOptions(append(options, "--dry-run", "server", "-o", "json")...)...)...))
	equal(t, "what is foreseen for the volume", foreseen.changesByName()["PersistentVolume "+volume], "configured")
	i.install(t, options...)
	i.buildsCached(t, "local", "on a released volume")

	r = succeed(t, i.command("uninstall", "--delete-data", "--yes")...)
	if !strings.Contains(r.stdout, directory) {
		t.Errorf("uninstall does not say that the files in %s stay:\n%s", directory, r.stdout)
	}
	equal(t, "what is left", i.leftOver(t), nil)
	_, err := env.cluster.CoreV1().PersistentVolumes().Get(t.Context(), volume, metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("the volume is still there: %v", err)
	}
	onNode(t, i.namespace, node, directory, "test -d /dir/overlay2 && test -d /dir/buildkit")
}

func anyNode(t *testing.T) string {
	t.Helper()
	nodes := got[*corev1.NodeList](t)(env.cluster.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{}))
	for _, node := range nodes.Items {
		if !node.Spec.Unschedulable && len(node.Spec.Taints) == 0 {
			return node.Labels[corev1.LabelHostname]
		}
	}
	t.Fatal("no node takes pods")
	return ""
}

// onNode runs a script on a node, where the node's directory is /dir. It is
// made if it does not exist.
func onNode(t *testing.T, namespace, node, directory, script string) {
	t.Helper()
	ran := runPod(t, namespace, hostPod(node, directory, script))
	if ran.code != 0 {
		t.Fatalf("on node %s: %s\n%s", node, script, ran.log)
	}
}

func hostPod(node, directory, script string) *corev1.Pod {
	pod := jobPod(baseImage, nil, script)
	pod.Spec.NodeSelector = map[string]string{corev1.LabelHostname: node}
	pod.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: new(true)}
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "dir", MountPath: "/dir"}}
	pod.Spec.Volumes = []corev1.Volume{{Name: "dir", VolumeSource: corev1.VolumeSource{
		HostPath: &corev1.HostPathVolumeSource{Path: directory, Type: new(corev1.HostPathDirectoryOrCreate)},
	}}}
	return pod
}
