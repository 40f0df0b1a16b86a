//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// localClaim creates a claim that is bound to a directory on a node. The claim
// and its volume are removed with the namespace, and the directory at the end
// of the test.
func localClaim(t *testing.T, namespace, name string, mode corev1.PersistentVolumeAccessMode) *corev1.PersistentVolume {
	t.Helper()
	node := anyNode(t)
	directory := "/var/lib/" + namespace + "-" + name
	onNode(t, namespace, node, directory, "true")
	size := corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("5Gi")}
	modes := []corev1.PersistentVolumeAccessMode{mode}
	core := env.cluster.CoreV1()
	volume := got[*corev1.PersistentVolume](t)(core.PersistentVolumes().Create(t.Context(), &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: namespace + "-" + name},
		Spec: corev1.PersistentVolumeSpec{
			Capacity: size, AccessModes: modes, StorageClassName: "e2e-none",
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
			PersistentVolumeSource:        corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: directory}},
			ClaimRef:                      &corev1.ObjectReference{Kind: "PersistentVolumeClaim", Namespace: namespace, Name: name},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{node}}},
			}}}},
		},
	}, metav1.CreateOptions{}))
	t.Cleanup(func() { removeDirectory(t, node, directory) })
	_, err := core.PersistentVolumeClaims(namespace).Create(t.Context(), &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: modes, StorageClassName: new("e2e-none"), VolumeName: volume.Name,
			Resources: corev1.VolumeResourceRequirements{Requests: size},
		},
	}, metav1.CreateOptions{})
	must(t, err)
	eventually(t, "claim "+name+" to be bound", func(ctx context.Context) (bool, error) {
		claim, err := core.PersistentVolumeClaims(namespace).Get(ctx, name, metav1.GetOptions{})
		return err == nil && claim.Status.Phase == corev1.ClaimBound, err
	})
	return volume
}

// mountClaim mounts a claim at /data in the pod's container.
func mountClaim(pod *corev1.Pod, claim string) {
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "data", VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim},
	}})
	container := &pod.Spec.Containers[0]
	container.VolumeMounts = append(container.VolumeMounts, corev1.VolumeMount{Name: "data", MountPath: "/data"})
}

// makeClaim creates a claim.
func makeClaim(t *testing.T, namespace, name string) {
	t.Helper()
	_, err := env.cluster.CoreV1().PersistentVolumeClaims(namespace).Create(t.Context(), claimOf(name), metav1.CreateOptions{})
	must(t, err)
}

// labelClaim gives a claim the labels of the installation, as a restored backup has them.
func (i *installation) labelClaim(t *testing.T, name string) {
	t.Helper()
	labels := fmt.Sprintf(`{"metadata":{"labels":{"app":%q,"dindctl/instance":%[1]q,"app.kubernetes.io/instance":%[1]q,"app.kubernetes.io/managed-by":"dindctl"}}}`, i.name)
	_, err := env.cluster.CoreV1().PersistentVolumeClaims(i.namespace).Patch(t.Context(), name, types.MergePatchType, []byte(labels), metav1.PatchOptions{})
	must(t, err)
}

// claimNamed returns an existing claim.
func claimNamed(t *testing.T, namespace, name string) *corev1.PersistentVolumeClaim {
	t.Helper()
	return got[*corev1.PersistentVolumeClaim](t)(env.cluster.CoreV1().PersistentVolumeClaims(namespace).Get(t.Context(), name, metav1.GetOptions{}))
}

// claimOf returns a claim without a storage class.
func claimOf(name string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("5Gi")}},
		},
	}
}

// makeClass creates a storage class that is removed at the end of the test.
func makeClass(t *testing.T, name, provisioner string, mountOptions ...string) {
	t.Helper()
	classes := env.cluster.StorageV1().StorageClasses()
	_, err := classes.Create(t.Context(), &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Provisioner: provisioner, MountOptions: mountOptions,
	}, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() { _ = classes.Delete(context.Background(), name, metav1.DeleteOptions{}) })
}

// defaultClass returns the cluster's default storage class.
func defaultClass(t *testing.T) *storagev1.StorageClass {
	t.Helper()
	for _, class := range got[*storagev1.StorageClassList](t)(env.cluster.StorageV1().StorageClasses().List(t.Context(), metav1.ListOptions{})).Items {
		if class.Annotations["storageclass.kubernetes.io/is-default-class"] == "true" {
			return &class
		}
	}
	t.Fatal("the cluster has no default storage class")
	return nil
}

func removeClass(t *testing.T, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := env.cluster.StorageV1().StorageClasses().Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		t.Errorf("removing storage class %s: %v", name, err)
	}
}
