//go:build e2e

package e2e

import (
	"context"
	"slices"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The pod of a prune Job gets no traffic from CI jobs: it has the
// installation's labels, but not the label that the Service selects.
func TestServiceRoutesToTheDaemonOnly(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest())
	cronJob := got[*batchv1.CronJob](t)(env.cluster.BatchV1().CronJobs(i.namespace).Get(t.Context(), i.name+"-clear-cache", metav1.GetOptions{}))
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: "long-prune", Labels: cronJob.Spec.JobTemplate.Labels},
		Spec:       cronJob.Spec.JobTemplate.Spec,
	}
	job.Spec.Template.Spec.Containers[0].Command = []string{"sh", "-c", "trap exit TERM; sleep 3600 & wait"}
	_, err := env.cluster.BatchV1().Jobs(i.namespace).Create(t.Context(), job, metav1.CreateOptions{})
	must(t, err)
	var pruner *corev1.Pod
	eventually(t, "the prune pod", func(ctx context.Context) (bool, error) {
		pods, err := env.cluster.CoreV1().Pods(i.namespace).List(ctx, metav1.ListOptions{LabelSelector: "batch.kubernetes.io/job-name=" + job.Name})
		if err != nil || len(pods.Items) == 0 {
			return false, err
		}
		pruner = &pods.Items[0]
		return podReady(pruner), nil
	})
	daemon := i.pod(t) // fails if the prune pod also has the label
	i.job(t, "docker version").want(t)
	var targets []string
	sliced := got[*discoveryv1.EndpointSliceList](t)(env.cluster.DiscoveryV1().EndpointSlices(i.namespace).List(t.Context(), metav1.ListOptions{}))
	for _, slice := range sliced.Items {
		for _, endpoint := range slice.Endpoints {
			targets = append(targets, endpoint.TargetRef.Name)
		}
	}
	slices.Sort(targets)
	equal(t, "the targets of both Services", targets, []string{daemon.Name, daemon.Name})
	if s := statusOf(t, i); !s.Healthy {
		t.Errorf("not healthy while prune runs: %+v", s.Problems)
	}
	// uninstall also removes the installation's Jobs.
	succeed(t, i.command("uninstall", "--delete-data", "--yes")...)
	equal(t, "remaining objects", i.leftOver(t), nil)
	for name := range objectsIn(t, i.namespace) {
		t.Errorf("%s is left", name)
	}
}
