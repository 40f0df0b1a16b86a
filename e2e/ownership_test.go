//go:build e2e

package e2e

import (
	"maps"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// --existing-claim: the claim is used, never changed and never deleted, not
// even with --delete-data.
func TestExistingClaim(t *testing.T) {
	t.Parallel()
	i := &installation{namespace: newNamespace(t), name: defaultName, image: env.newest()}
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

func makeClaim(t *testing.T, namespace, name string) {
	t.Helper()
	_, err := env.cluster.CoreV1().PersistentVolumeClaims(namespace).Create(t.Context(), &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("5Gi")}},
		},
	}, metav1.CreateOptions{})
	must(t, err)
}

func claimNamed(t *testing.T, namespace, name string) *corev1.PersistentVolumeClaim {
	t.Helper()
	return got[*corev1.PersistentVolumeClaim](t)(env.cluster.CoreV1().PersistentVolumeClaims(namespace).Get(t.Context(), name, metav1.GetOptions{}))
}

func (i *installation) namesOf(s status) []string {
	var names []string
	for _, object := range s.Objects {
		names = append(names, object.Kind+" "+object.Name)
	}
	return names
}

// Objects of the same names that somebody else made are refused, all of them
// named, and nothing in the namespace is changed: neither by install nor by
// uninstall.
func TestForeignObjectsAreLeftAlone(t *testing.T) {
	t.Parallel()
	i := &installation{namespace: newNamespace(t), name: defaultName, image: env.newest()}
	createNamespace(t, i.namespace)
	makeClaim(t, i.namespace, i.name+"-data")
	core, labels := env.cluster.CoreV1(), map[string]string{"app": i.name}
	_, err := core.ConfigMaps(i.namespace).Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: i.name + "-config"}}, metav1.CreateOptions{})
	must(t, err)
	_, err = core.Services(i.namespace).Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: i.name},
		Spec:       corev1.ServiceSpec{Selector: labels, Ports: []corev1.ServicePort{{Port: 2375}}},
	}, metav1.CreateOptions{})
	must(t, err)
	_, err = env.cluster.AppsV1().Deployments(i.namespace).Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: i.name},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(0)), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "docker-dind", Image: i.image}}},
			},
		},
	}, metav1.CreateOptions{})
	must(t, err)
	i.settle(t)
	before := i.objects(t)

	r := dindctl(t, i.command("install", i.installOptions()...)...).want(t, failed).says(t, "not made by dindctl", "--name")
	for _, name := range slices.Sorted(maps.Keys(before)) {
		r.says(t, name)
	}
	equal(t, "objects after install", i.objects(t), before)
	dindctl(t, i.command("uninstall", "--delete-data", "--yes")...)
	equal(t, "objects after uninstall", i.objects(t), before)
}
