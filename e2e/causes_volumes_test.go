//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

// localClaim makes a claim that is bound to a volume of its own: a directory on
// a node, which is removed with the test. Both are removed with the namespace.
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

// removeDirectory removes a directory of a node's, in a namespace that outlives
// the test's.
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

// mountClaim has the pod's container mount a claim at /data.
func mountClaim(pod *corev1.Pod, claim string) {
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "data", VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim},
	}})
	container := &pod.Spec.Containers[0]
	container.VolumeMounts = append(container.VolumeMounts, corev1.VolumeMount{Name: "data", MountPath: "/data"})
}

// claimOf is a claim that names no class.
func claimOf(name string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
		},
	}
}

// deploymentOf is a Deployment of a pod.
func deploymentOf(pod *corev1.Pod) *appsv1.Deployment {
	labels := map[string]string{"e2e": "yes"}
	pod.Spec.RestartPolicy = corev1.RestartPolicyAlways
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "e2e"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod.Spec},
		},
	}
}
