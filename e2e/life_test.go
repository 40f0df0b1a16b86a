//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The whole life of an installation, with each engine: jobs find the daemon by
// the printed name, the cache survives everything but --delete-data, the
// clean-up takes nothing that is fresh or in use, and status tells the truth.
func TestLife(t *testing.T) {
	t.Parallel()
	for _, image := range env.images {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			life(t, image)
		})
	}
}

func life(t *testing.T, image string) {
	i := install(t, image)
	equal(t, "variables", i.variables, map[string]string{
		"DOCKER_HOST":        "tcp://docker-dind." + i.namespace + ".svc:2375",
		"DOCKER_TLS_CERTDIR": "",
	})
	i.job(t, `docker version --format 'server {{.Server.Version}}'`).want(t, "server "+engineOf(image))
	i.buildsCold(t, "app")
	i.buildsCached(t, "app", "the second build")

	i.reschedule(t)
	i.buildsCached(t, "app", "after the pod was rescheduled")
	checkStatus(t, i)

	i.job(t, `docker run --detach --stop-timeout 1 --name keeper app sleep 36000`).want(t)
	checkPrune(t, i)
	checkScheduledPrune(t, i)

	claim := i.claim(t)
	r := succeed(t, i.command("uninstall")...)
	if !strings.Contains(r.stdout, claim.Name+" kept") {
		t.Errorf("uninstall does not say that it keeps the claim:\n%s", r.stdout)
	}
	equal(t, "what is left", i.leftOver(t), []string{"persistentvolumeclaim/" + claim.Name})
	dindctl(t, i.command("status")...).want(t, notInstalled).says(t, claim.Name)
	i.install(t)
	if again := i.claim(t); again.UID != claim.UID {
		t.Errorf("the claim is another one: %s, was %s", again.UID, claim.UID)
	}
	i.buildsCached(t, "app", "after uninstall and install")

	succeed(t, i.command("uninstall", "--delete-data", "--yes")...)
	equal(t, "what is left", i.leftOver(t), nil)
	dindctl(t, i.command("status")...).want(t, notInstalled)
}

// engineOf is the version in an image's tag; what the engine calls itself begins
// with it.
func engineOf(image string) string {
	_, tag, _ := strings.Cut(image, ":")
	version, _, _ := strings.Cut(tag, "-")
	return version
}

// reschedule deletes the daemon's pod and waits for the next one.
func (i *installation) reschedule(t *testing.T) {
	t.Helper()
	before := i.pod(t)
	must(t, env.cluster.CoreV1().Pods(i.namespace).Delete(t.Context(), before.Name, metav1.DeleteOptions{}))
	eventually(t, "the next pod", func(ctx context.Context) (bool, error) {
		pods, err := env.cluster.CoreV1().Pods(i.namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=" + i.name})
		if err != nil || len(pods.Items) != 1 || pods.Items[0].UID == before.UID {
			return false, err
		}
		return podReady(&pods.Items[0]), nil
	})
}

func podReady(pod *corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// checkScheduledPrune has the CronJob controller itself start the clean-up, as
// it does each week: by a schedule of once a minute. Changing the schedule, and
// back, must leave the daemon alone.
func checkScheduledPrune(t *testing.T, i *installation) {
	t.Helper()
	pod := i.pod(t)
	i.install(t, "--prune-schedule", "* * * * *")
	var scheduled *batchv1.Job
	eventually(t, "the scheduled clean-up", func(ctx context.Context) (bool, error) {
		jobs, err := env.cluster.BatchV1().Jobs(i.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		for _, job := range jobs.Items {
			if job.Annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"] != "" && job.Status.CompletionTime != nil {
				scheduled = &job
				return true, nil
			}
		}
		return false, nil
	})
	i.install(t)
	equal(t, "the daemon's pod", i.pod(t).UID, pod.UID)
	prune := statusOf(t, i).Prune
	if prune == nil || prune.LastRun == nil || prune.LastRun.Before(scheduled.CreationTimestamp.Time) {
		t.Errorf("status does not show the run of %s as the last: %+v", scheduled.CreationTimestamp, prune)
	}
	i.buildsCached(t, "app", "after the scheduled clean-up")
}
