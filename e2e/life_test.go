//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The whole life of an installation, with each engine: jobs reach the daemon by
// the printed name, the cache survives everything but --delete-data, prune
// removes nothing that is fresh or in use, and status reports the actual state.
func TestLife(t *testing.T) {
	t.Parallel()
	for _, image := range env.images {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			life(t, image)
		})
	}
}

// Repeated install and uninstall keep the claim, and the cache is still used in
// the end. Runs two cycles, or fifty with DINDCTL_SOAK=1.
func TestCycles(t *testing.T) {
	t.Parallel()
	count := counting(t, "cycles")
	i := install(t, env.newest())
	claim := guarded{installation: i, count: count}
	claim.checkClaim(t)
	i.buildsCold(t, "app")
	for range times(2, 50) {
		succeed(t, i.command("uninstall")...)
		claim.checkClaim(t)
		left := i.leftOver(t)
		equal(t, "remaining objects", left, []string{"persistentvolumeclaim/" + i.name + "-data"})
		i.install(t)
		claim.checkClaim(t)
		count.add(true, len(left) == 1 && len(i.objects(t)) == 7)
	}
	i.buildsCached(t, "app", "after all cycles")
}

// life tests the life of an installation with one image.
func life(t *testing.T, image string) {
	i := install(t, image)
	equal(t, "variables", i.variables, map[string]string{
		"DOCKER_HOST":        "tcp://docker-dind." + i.namespace + ".svc:2375",
		"DOCKER_TLS_CERTDIR": "",
	})
	i.job(t, `docker version --format 'server {{.Server.Version}}'`).want(t, "server "+engineOf(image))
	contains(t, "versions", succeed(t, i.command("version")...).stdout, "Docker       "+engineOf(image), " (API ")
	contains(t, "metrics", succeed(t, i.command("status", "-o", "prometheus")...).stdout,
		fmt.Sprintf("dindctl_up{namespace=%q,name=%q} 1\n", i.namespace, i.name), "dindctl_disk_used_bytes{", "dindctl_cache_limit_bytes{")
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
	equal(t, "remaining objects", i.leftOver(t), []string{"persistentvolumeclaim/" + claim.Name})
	dindctl(t, i.command("status")...).want(t, notInstalled).says(t, claim.Name)
	i.install(t)
	if again := i.claim(t); again.UID != claim.UID {
		t.Errorf("the claim has been replaced: %s, was %s", again.UID, claim.UID)
	}
	i.buildsCached(t, "app", "after uninstall and install")

	succeed(t, i.command("uninstall", "--delete-data", "--yes")...)
	equal(t, "remaining objects", i.leftOver(t), nil)
	dindctl(t, i.command("status")...).want(t, notInstalled)
}

// reschedule deletes the daemon's pod and waits for the next one.
func (i *installation) reschedule(t *testing.T) {
	t.Helper()
	before := i.pod(t)
	must(t, env.cluster.CoreV1().Pods(i.namespace).Delete(t.Context(), before.Name, metav1.DeleteOptions{}))
	i.awaitPod(t, before.UID)
}

// checkScheduledPrune lets the CronJob controller start a prune Job, with a
// schedule of once a minute. Changing the schedule and back must not restart
// the daemon.
func checkScheduledPrune(t *testing.T, i *installation) {
	t.Helper()
	pod := i.pod(t)
	i.install(t, "--prune-schedule", "* * * * *")
	var scheduled *batchv1.Job
	eventually(t, "the scheduled prune Job", func(ctx context.Context) (bool, error) {
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
		t.Errorf("status does not show the run of %s as the last one: %+v", scheduled.CreationTimestamp, prune)
	}
	i.buildsCached(t, "app", "after the scheduled prune")
}

// checkPrune prunes an installation whose image app is fresh and used by the
// container keeper. The image, the container and the cache must stay.
func checkPrune(t *testing.T, i *installation) {
	t.Helper()
	text := succeed(t, i.command("prune-now")...)
	for _, word := range []string{"images", "build cache", "Freed ", "job/" + i.name + "-clear-cache-"} {
		if !strings.Contains(text.stdout, word) {
			t.Errorf("prune-now does not say %q:\n%s", word, text.stdout)
		}
	}
	report := decode[pruned](t, succeed(t, i.command("prune-now", "-o", "json")...))
	if !strings.HasPrefix(report.Job, i.name+"-clear-cache-") || report.ReclaimedBytes == nil || report.DurationSeconds <= 0 {
		t.Errorf("report: %+v", report)
	}
	for _, usage := range []map[string]int64{report.Before, report.After} {
		if usage["imagesBytes"] <= 0 || usage["buildCacheBytes"] <= 0 {
			t.Errorf("the report's sizes: %+v", report)
		}
	}
	i.job(t, `docker image inspect --format 'still {{.RepoTags}}' app; docker ps`).want(t, "still [app:latest]", "keeper")
	i.buildsCached(t, "app", "after prune-now")
	if last := statusOf(t, i).Prune; last == nil || last.LastRun == nil || last.LastResult == nil || *last.LastResult != "succeeded" ||
		last.LastDurationSeconds == nil || *last.LastDurationSeconds <= 0 || last.LastFailure != nil {
		t.Errorf("status after prune-now: %+v", last)
	}
	eventually(t, "what the file system gained, which the daemon's pod looks at every minute", func(context.Context) (bool, error) {
		last := statusOf(t, i).Prune
		return last != nil && last.LastReclaimedBytes != nil, nil
	})
}
