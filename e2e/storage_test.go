//go:build e2e

package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// A claim is expanded if its storage class allows it, and install waits until
// it is; otherwise install refuses before it writes anything. The test acts as
// the storage provider, because the embedded cluster's cannot expand volumes.
func TestClaimExpansion(t *testing.T) {
	t.Parallel()
	i := newInstallation(t, env.newest())
	fixed, elastic := i.class(t, "fixed", false), i.class(t, "elastic", true)
	i.install(t, "--create-namespace", "--storage-class", fixed, "--storage-size", "2Gi", "--no-wait")
	i.awaitBound(t)
	before := i.objects(t)
	dindctl(t, i.command("install", i.installOptions("--storage-size", "3Gi")...)...).want(t, failed).says(t, "does not allow volume expansion", fixed)
	dindctl(t, i.command("install", i.installOptions("--storage-size", "1Gi")...)...).want(t, failed).says(t, "a claim cannot shrink")
	equal(t, "claim after refusals", i.objects(t)["persistentvolumeclaim/"+i.name+"-data"], before["persistentvolumeclaim/"+i.name+"-data"])
	succeed(t, i.command("uninstall", "--delete-data", "--yes")...)

	i.install(t, "--storage-class", elastic, "--storage-size", "2Gi")
	claim := i.claim(t)
	c := prepare(t, nil, i.command("install", i.installOptions("--storage-size", "3Gi", "-v")...)...).start(t)
	eventually(t, "the larger request", func(ctx context.Context) (bool, error) {
		found, err := env.cluster.CoreV1().PersistentVolumeClaims(i.namespace).Get(ctx, claim.Name, metav1.GetOptions{})
		return err == nil && found.Spec.Resources.Requests.Storage().String() == "3Gi", err
	})
	eventually(t, "the progress of the expansion", func(context.Context) (bool, error) {
		return strings.Contains(c.stderr.String(), "Volume: 2Gi of 3Gi"), nil
	})
	i.grow(t, "3Gi")
	c.wait(t).want(t, done).says(t, "persistentvolumeclaim/docker-dind-data spec.resources.requests.storage: 2Gi → 3Gi", "Volume: 3Gi of 3Gi")
	equal(t, "claim", i.claim(t).UID, claim.UID)
	again := decode[installed](t, succeed(t, i.command("install", i.installOptions("-o", "json")...)...))
	equal(t, "changes of the second install", again.changes(), []string{"unchanged"})
}

// install refuses a change that would abandon the cache before it writes
// anything, unless --allow-data-root-change is set.
func TestDataRootChange(t *testing.T) {
	t.Parallel()
	if len(env.images) < 2 {
		t.Skip("one image only")
	}
	i := install(t, env.newest(), "--no-wait")
	before := i.claim(t).UID
	old := env.images[0]
	i.image = old
	objects := i.objects(t)["deployment/"+i.name].Generation
	dindctl(t, i.command("install", i.installOptions("--no-wait")...)...).want(t, failed).
		says(t, "is older than engine", "--allow-data-root-change")
	i.image = env.newest()
	dindctl(t, i.command("install", i.installOptions("--no-wait", "--storage-driver", "vfs")...)...).want(t, failed).
		says(t, "is not the driver that wrote the data", "--allow-data-root-change")
	equal(t, "the Deployment's generation", i.objects(t)["deployment/"+i.name].Generation, objects)
	i.image = old
	i.install(t, "--no-wait", "--allow-data-root-change")
	equal(t, "claim", i.claim(t).UID, before)
}

// A Local PersistentVolume on a chosen node, with a registry mirror and the
// overlay2 driver. The cache survives uninstall and is used by the next
// install. --delete-data removes the claim and the volume, but not the files.
func TestLocalVolume(t *testing.T) {
	t.Parallel()
	node := anyNode(t)
	i := newInstallation(t, env.newest())
	directory := "/var/lib/" + i.namespace
	createNamespace(t, i.namespace)
	onNode(t, i.namespace, node, directory, "true")
	// Deferred, because the context of the test is cancelled before t.Cleanup
	// functions run.
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

	// If the claim was deleted manually, its volume is Released, and install
	// reuses it.
	succeed(t, i.command("uninstall")...)
	must(t, env.cluster.CoreV1().PersistentVolumeClaims(i.namespace).Delete(t.Context(), i.name+"-data", metav1.DeleteOptions{}))
	eventually(t, "the volume to be released", func(ctx context.Context) (bool, error) {
		found, err := env.cluster.CoreV1().PersistentVolumes().Get(ctx, volume, metav1.GetOptions{})
		return err == nil && found.Status.Phase == corev1.VolumeReleased, err
	})
	preview := decode[installed](t, succeed(t, i.command("install", i.installOptions(append(options, "--dry-run", "-o", "json")...)...)...))
	equal(t, "change of the volume in the dry run", preview.changesByName()["PersistentVolume "+volume], "configured")
	i.install(t, options...)
	i.buildsCached(t, "local", "on a released volume")

	r = succeed(t, i.command("uninstall", "--delete-data", "--yes")...)
	if !strings.Contains(r.stdout, directory) {
		t.Errorf("uninstall does not say that the files in %s stay:\n%s", directory, r.stdout)
	}
	equal(t, "remaining objects", i.leftOver(t), nil)
	_, err := env.cluster.CoreV1().PersistentVolumes().Get(t.Context(), volume, metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("the volume is still there: %v", err)
	}
	onNode(t, i.namespace, node, directory, "test -d /dir/overlay2 && test -d /dir/buildkit")
}

// The claim of --existing-claim is used, but never changed or deleted, not even
// with --delete-data.
func TestExistingClaim(t *testing.T) {
	t.Parallel()
	i := newInstallation(t, env.newest())
	createNamespace(t, i.namespace)
	makeClaim(t, i.namespace, "handmade")

	dindctl(t, i.command("install", i.installOptions("--existing-claim", "nowhere")...)...).want(t, failed).says(t, "nowhere", "kubectl get pvc")
	equal(t, "objects after a claim that does not exist", i.leftOver(t), nil)
	i.install(t, "--existing-claim", "handmade")
	i.buildsCold(t, "existing")
	before := claimNamed(t, i.namespace, "handmade")
	if s := statusOf(t, i); !s.Healthy || !slices.Contains(i.namesOf(s), "PersistentVolumeClaim handmade") {
		t.Errorf("status does not show the claim: %v", i.namesOf(s))
	}

	r := succeed(t, i.command("uninstall", "--delete-data", "--yes")...)
	if !strings.Contains(r.stdout, "handmade kept") {
		t.Errorf("uninstall does not say that it keeps the claim:\n%s", r.stdout)
	}
	equal(t, "objects after uninstall", i.leftOver(t), nil)
	after := claimNamed(t, i.namespace, "handmade")
	equal(t, "claim's labels", after.Labels, nil)
	if after.UID != before.UID || after.DeletionTimestamp != nil {
		t.Error("the claim was deleted")
	}
	i.install(t, "--existing-claim", "handmade")
	i.buildsCached(t, "existing", "on the same claim again")
}

func (i *installation) namesOf(s status) []string {
	var names []string
	for _, object := range s.Objects {
		names = append(names, object.Kind+" "+object.Name)
	}
	return names
}

// class creates a storage class like the cluster's default class.
func (i *installation) class(t *testing.T, name string, grows bool) string {
	t.Helper()
	classes := env.cluster.StorageV1().StorageClasses()
	list := got[*storagev1.StorageClassList](t)(classes.List(t.Context(), metav1.ListOptions{}))
	for _, class := range list.Items {
		if class.Annotations["storageclass.kubernetes.io/is-default-class"] != "true" {
			continue
		}
		copied := &storagev1.StorageClass{
			ObjectMeta:  metav1.ObjectMeta{Name: i.namespace + "-" + name},
			Provisioner: class.Provisioner, Parameters: class.Parameters, ReclaimPolicy: class.ReclaimPolicy,
			VolumeBindingMode: class.VolumeBindingMode, AllowVolumeExpansion: &grows,
		}
		_, err := classes.Create(t.Context(), copied, metav1.CreateOptions{})
		must(t, err)
		t.Cleanup(func() { removeClass(t, copied.Name) })
		return copied.Name
	}
	t.Skip("the cluster has no default class")
	return ""
}

// awaitBound waits until the claim is bound.
func (i *installation) awaitBound(t *testing.T) {
	t.Helper()
	eventually(t, "the claim's volume", func(ctx context.Context) (bool, error) {
		claim, err := env.cluster.CoreV1().PersistentVolumeClaims(i.namespace).Get(ctx, i.name+"-data", metav1.GetOptions{})
		return err == nil && claim.Status.Phase == corev1.ClaimBound, err
	})
}

// grow acts as a storage provider that expands the volume and then the claim.
func (i *installation) grow(t *testing.T, size string) {
	t.Helper()
	claim := i.claim(t)
	patch := []byte(`{"spec":{"capacity":{"storage":"` + size + `"}}}`)
	_, err := env.cluster.CoreV1().PersistentVolumes().Patch(t.Context(), claim.Spec.VolumeName, types.MergePatchType, patch, metav1.PatchOptions{})
	must(t, err)
	claim = i.claim(t)
	claim.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}
	claim.Status.Conditions = nil
	_, err = env.cluster.CoreV1().PersistentVolumeClaims(i.namespace).UpdateStatus(t.Context(), claim, metav1.UpdateOptions{})
	must(t, err)
}
