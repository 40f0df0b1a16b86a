//go:build e2e

package e2e

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// The claim gets no volume, or has lost it.
func TestCausesStorage(t *testing.T) {
	t.Parallel()
	t.Run("unknown storage class", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		f := i.failedInstall(t, "--storage-class", "e2e-nowhere")
		f.finds(t, "storage class", `class "e2e-nowhere" does not exist`)
		equal(t, "objects after the preflight", i.leftOver(t), nil)
		f = i.failedInstall(t, "--storage-class", "e2e-nowhere", "--skip-preflight", "--timeout", shortly)
		f.names(t, "StorageClassMissing", `"e2e-nowhere" does not exist`)
		i.statusSays(t, f)
		contains(t, "hint", f.Hint, "dindctl uninstall --delete-data")
		succeed(t, i.command("uninstall", "--delete-data", "--yes")...)
		i.install(t)
	})
	// The claim has no class because there is no default class. Other tests
	// need the default class, so a policy removes it only from the claims of
	// this namespace.
	t.Run("no default storage class", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		i.withoutClasses(t)
		f := i.failedInstall(t, "--timeout", shortly).names(t, "NoDefaultStorageClass", "no storage class", "no default")
		contains(t, "hint", f.Hint, "--storage-class")
		i.statusSays(t, f)
	})
	t.Run("provisioning failure", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		standard := defaultClass(t)
		if standard.Provisioner != "kubernetes.io/host-path" {
			t.Skipf("this test cannot make provisioner %s fail", standard.Provisioner)
		}
		makeClass(t, i.namespace, standard.Provisioner, "e2e-this-provisioner-takes-none")
		f := i.failedInstall(t, "--storage-class", i.namespace, "--timeout", shortly)
		f.names(t, "ProvisioningFailed", "Mount options are not supported by the provisioner", i.namespace)
		i.statusSays(t, f)
	})
	t.Run("local path missing on the node", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		node := anyNode(t)
		directory := "/var/lib/" + i.namespace
		options := []string{"--local-path", directory, "--local-node", node, "--storage-size", "5Gi"}
		// The kubelet's first try often fails for another reason.
		f := i.failedInstall(t, append(options, "--timeout", "25s")...)
		f.names(t, "FailedMount", node, directory, "does not exist")
		contains(t, "hint", f.Hint, "--local-path", node)
		i.statusSays(t, f)

		defer removeDirectory(t, node, directory)
		onNode(t, i.namespace, node, directory, "true")
		i.install(t, options...)
		succeed(t, i.command("uninstall", "--delete-data", "--yes")...)
	})
	// Somebody deletes the volume of a bound claim.
	t.Run("claim lost", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		volume := localClaim(t, i.namespace, "lost", corev1.ReadWriteOnce)
		loseVolume(t, i.namespace, "lost", volume.Name)
		options := []string{"--existing-claim", "lost"}
		c := i.checkOf(t, notReady, options...)
		c.says(t, "claim", "failed", "lost has lost its volume "+volume.Name)
		f := i.failedInstall(t, append(options, "--timeout", "2m")...)
		f.names(t, "ClaimLost", volume.Name, "no longer exists")
		i.statusSays(t, f)
	})
	// With --local-path the volume's files are still on the node, but
	// Kubernetes never binds a lost claim again. Following the hint reuses the
	// files.
	t.Run("local volume lost", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		node := anyNode(t)
		directory := "/var/lib/" + i.namespace
		onNode(t, i.namespace, node, directory, "true")
		defer removeDirectory(t, node, directory)
		options := []string{"--local-path", directory, "--local-node", node, "--storage-size", "5Gi"}
		i.install(t, options...)
		i.buildsCold(t, "lost")
		loseVolume(t, i.namespace, i.name+"-data", i.namespace+"-"+i.name+"-data")
		i.eventuallyProblem(t, "ClaimLost", i.namespace+"-"+i.name+"-data")
		r := dindctl(t, i.command("install", i.installOptions(append(options, "--timeout", "20s", "-o", "json")...)...)...)
		if r.code != done {
			f := failureOf(t, r.want(t, notReady)).names(t, "ClaimLost", i.namespace+"-"+i.name+"-data")
			contains(t, "hint", f.Hint, "dindctl uninstall --delete-data")
			succeed(t, i.command("uninstall", "--delete-data", "--yes")...)
			i.install(t, options...)
		}
		i.buildsCached(t, "lost", "with the files of the lost volume")
		succeed(t, i.command("uninstall", "--delete-data", "--yes")...)
	})
	// A claim that is being deleted stays as long as a pod mounts it. install
	// applies nothing meanwhile. Once the claim is gone, the same command
	// creates a new one.
	t.Run("claim terminating", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		i.install(t)
		holder := jobPod(baseImage, nil, "exec sleep 3600")
		mountClaim(holder, i.name+"-data")
		pods := env.cluster.CoreV1().Pods(i.namespace)
		holder = got[*corev1.Pod](t)(pods.Create(t.Context(), holder, metav1.CreateOptions{}))
		podUntil(t, holder, podReady)
		succeed(t, i.command("uninstall")...)
		before := i.claim(t)
		must(t, env.cluster.CoreV1().PersistentVolumeClaims(i.namespace).Delete(t.Context(), before.Name, metav1.DeleteOptions{}))

		c := i.checkOf(t, notReady)
		c.says(t, "claim", "failed", before.Name+" is being deleted")
		f := i.failedInstall(t).names(t, "ClaimTerminating", before.Name, "is being deleted")
		contains(t, "hint", f.Hint, "kubectl patch pv "+before.Spec.VolumeName)
		equal(t, "objects", i.leftOver(t), []string{"persistentvolumeclaim/" + before.Name})

		must(t, pods.Delete(t.Context(), holder.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))}))
		eventually(t, "the deletion of the claim", func(ctx context.Context) (bool, error) { return len(i.leftOver(t)) == 0, nil })
		i.install(t)
	})
}

// loseVolume deletes a claim's volume with its finalizers, and waits until the
// claim is Lost.
func loseVolume(t *testing.T, namespace, claim, volume string) {
	t.Helper()
	volumes := env.cluster.CoreV1().PersistentVolumes()
	must(t, volumes.Delete(t.Context(), volume, metav1.DeleteOptions{}))
	_, err := volumes.Patch(t.Context(), volume, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	must(t, err)
	eventually(t, "claim "+claim+" to be lost", func(ctx context.Context) (bool, error) {
		c, err := env.cluster.CoreV1().PersistentVolumeClaims(namespace).Get(ctx, claim, metav1.GetOptions{})
		return err == nil && c.Status.Phase == corev1.ClaimLost, err
	})
}
