//go:build e2e

package e2e

import (
	"maps"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// install refuses to overwrite objects with the same names that dindctl did not
// create, and names all of them. Neither install nor uninstall changes anything
// in the namespace.
func TestForeignObjectsAreLeftAlone(t *testing.T) {
	t.Parallel()
	i := newInstallation(t, env.newest())
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

	r := dindctl(t, i.command("install", i.installOptions()...)...).want(t, failed).says(t, "not created by dindctl", "--name")
	for _, name := range slices.Sorted(maps.Keys(before)) {
		r.says(t, name)
	}
	equal(t, "objects after install", i.objects(t), before)
	dindctl(t, i.command("uninstall", "--delete-data", "--yes")...)
	equal(t, "objects after uninstall", i.objects(t), before)
}
