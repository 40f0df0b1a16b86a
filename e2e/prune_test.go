//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// pruned is `dindctl prune-now -o json`.
type pruned struct {
	Job             string           `json:"job"`
	ReclaimedBytes  *int64           `json:"reclaimedBytes"`
	Before          map[string]int64 `json:"before"`
	After           map[string]int64 `json:"after"`
	DurationSeconds float64          `json:"durationSeconds"`
}

// prunable is `dindctl prune-now --dry-run -o json`.
type prunable struct {
	DryRun                       bool
	Containers, Networks, Images []struct {
		Name     string
		LastUsed *time.Time
	}
	BuildCache struct{ BeforeBytes, AfterBytes int64 }
}

// checkPrune runs the clean-up of an installation whose image app is used by
// the container keeper, and fresh: both must stay, and the cache with them.
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
	if last := statusOf(t, i).Prune; last == nil || last.LastRun == nil || last.LastResult == nil || *last.LastResult != "succeeded" || last.LastReclaimedBytes == nil ||
		last.LastDurationSeconds == nil || *last.LastDurationSeconds <= 0 || last.LastFailure != nil {
		t.Errorf("status after prune-now: %+v", last)
	}
}

// With --prune-unused-for 0 the clean-up takes everything that is unused, says
// how much that was, and still leaves what a container uses.
func TestPruneFreesWhatIsUnused(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest(), "--prune-unused-for", "0")
	i.buildsCold(t, "unused")
	i.buildsCold(t, "used")
	i.job(t, `docker run --detach --stop-timeout 1 --name keeper used sleep 36000`).want(t)
	// What will go is told before, and nobody is surprised.
	foreseen := decode[prunable](t, succeed(t, i.command("prune-now", "--dry-run", "-o", "json")...))
	if len(foreseen.Images) != 1 || foreseen.Images[0].Name != "unused:latest" || foreseen.BuildCache.AfterBytes >= foreseen.BuildCache.BeforeBytes || len(foreseen.Containers)+len(foreseen.Networks) > 0 {
		t.Errorf("foreseen: %+v", foreseen)
	}
	for _, one := range foreseen.Images {
		if one.LastUsed == nil || time.Since(*one.LastUsed) > hangs || time.Until(*one.LastUsed) > hangs {
			t.Errorf("%s was used at %v", one.Name, one.LastUsed)
		}
	}
	kept := decode[prunable](t, succeed(t, i.command("prune-now", "--dry-run", "--unused-for", "1h", "-o", "json")...))
	if len(kept.Images) > 0 || kept.BuildCache.AfterBytes != kept.BuildCache.BeforeBytes {
		t.Errorf("foreseen of what is fresh: %+v", kept)
	}
	dindctl(t, i.command("prune-now", "--all")...).want(t, usage).says(t, "1 container running", "--when-idle", "--yes")
	r := succeed(t, i.command("prune-now", "-v", "-o", "json")...).says(t, "+ docker system prune -af", "Total reclaimed space: ")
	report := decode[pruned](t, r)
	if report.ReclaimedBytes == nil || *report.ReclaimedBytes <= 0 {
		t.Errorf("nothing was freed: %+v", report)
	}
	if report.After["buildCacheBytes"] >= report.Before["buildCacheBytes"] || report.After["reclaimableBytes"] >= report.Before["reclaimableBytes"] {
		t.Errorf("before and after: %+v", report)
	}
	left := decode[prunable](t, succeed(t, i.command("prune-now", "--dry-run", "--all", "-o", "json")...))
	if len(left.Images) > 0 || left.BuildCache.AfterBytes != left.BuildCache.BeforeBytes {
		t.Errorf("still there: %+v", left)
	}
	i.job(t, `docker image ls --format '{{.Repository}}' | sort | tr '\n' ' '; docker ps`).want(t, "keeper", "used ")
	if log := i.job(t, `docker image ls`).want(t).log; strings.Contains(log, "unused") {
		t.Errorf("the unused image is still there:\n%s", log)
	}
	i.buildsCold(t, "unused")
}

// A clean-up that finds no daemon fails, and status says so in its words.
func TestFailedPruneIsExplained(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest())
	deployments := env.cluster.AppsV1().Deployments(i.namespace)
	_, err := deployments.Patch(t.Context(), i.name, types.MergePatchType, []byte(`{"spec":{"replicas":0}}`), metav1.PatchOptions{})
	must(t, err)
	eventuallyScaled(t, i)
	// As `kubectl create job --from=cronjob/...` makes it, but tried once.
	cron := got[*batchv1.CronJob](t)(env.cluster.BatchV1().CronJobs(i.namespace).Get(t.Context(), i.name+"-clear-cache", metav1.GetOptions{}))
	job := &batchv1.Job{ObjectMeta: *cron.Spec.JobTemplate.ObjectMeta.DeepCopy(), Spec: cron.Spec.JobTemplate.Spec}
	job.Name = i.name + "-clear-cache-e2e"
	job.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(cron, batchv1.SchemeGroupVersion.WithKind("CronJob"))}
	job.Spec.BackoffLimit = new(int32(0))
	_, err = env.cluster.BatchV1().Jobs(i.namespace).Create(t.Context(), job, metav1.CreateOptions{})
	must(t, err)
	eventually(t, "the clean-up to fail", func(context.Context) (bool, error) {
		prune := decode[status](t, dindctl(t, i.command("status", "-o", "json")...).want(t, notReady)).Prune
		if prune == nil || prune.LastResult == nil || *prune.LastResult != "failed" {
			return false, nil
		}
		if prune.LastFailure == nil || !strings.Contains(*prune.LastFailure, "does not answer") || prune.LastDurationSeconds == nil || prune.LastReclaimedBytes != nil {
			t.Errorf("the last clean-up: %+v", prune)
		}
		return true, nil
	})
	contains(t, "status as text", dindctl(t, i.command("status")...).want(t, notReady).stdout, "The last clean-up failed", "does not answer")
}
