package lifecycle

import (
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/clustertest"
)

// keep ends the container of a Job, but not the pod: admission has added a container that
// runs until somebody ends it.
func keep(job *batchv1.Job, pod *corev1.Pod) {
	clustertest.End(job, pod, "", corev1.PodSucceeded, freed)
	pod.Status.Phase = corev1.PodRunning
	proxy := corev1.ContainerStatus{Name: "proxy", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
	pod.Status.ContainerStatuses = slices.Insert(pod.Status.ContainerStatuses, 0, proxy)
}

// The end of a prune is that of its container. The Job, which another one keeps from
// ending, is deleted.
func TestPruneNowBesideAProxy(t *testing.T) {
	w := installedWorld(t, nil)
	w.measuring(t)
	w.PrependReactor("create", "jobs", func(action ktesting.Action) (bool, runtime.Object, error) {
		_, object, err := ktesting.ObjectReaction(w.Tracker())(action)
		job := object.(*batchv1.Job)
		job.UID = "job"
		_, pod := clustertest.PruneRun("d", noon)
		pod.Labels = map[string]string{"job-name": job.Name}
		keep(job, pod)
		w.Add(pod)
		return true, job, err
	})
	if _, err := w.PruneNow(t.Context(), PruneOptions{}); err != nil {
		t.Fatal(err)
	}
	if said := strings.Join(w.messages(), "\n"); !strings.Contains(said, "still runs containers that dindctl did not add: the Job is deleted") {
		t.Errorf("said %s", said)
	}
	if writes := w.Writes(); !slices.Equal(writes, []string{"create jobs", "delete jobs"}) {
		t.Errorf("sent %q", writes)
	}
}

// status names a scheduled prune that has ended and whose pod has not.
func TestStatusOfAPruneBesideAProxy(t *testing.T) {
	w := installedWorld(t, nil)
	job, pod := clustertest.PruneRun("d", noon)
	keep(job, pod)
	w.Add(job, pod)
	status, err := w.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(status.Problems, func(p Problem) bool { return p.Reason == "PruneKept" })
	if at < 0 || !strings.Contains(status.Problems[at].Message, "still runs proxy, which dindctl did not add") || !status.Healthy {
		t.Errorf("got %+v", status.Problems)
	}
}
