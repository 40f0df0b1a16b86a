//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

// pruned is `dindctl prune-now -o json`.
type pruned struct {
	Job             string           `json:"job"`
	ReclaimedBytes  *int64           `json:"reclaimedBytes"`
	Before          map[string]int64 `json:"before"`
	After           map[string]int64 `json:"after"`
	DurationSeconds float64          `json:"durationSeconds"`
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
	r := succeed(t, i.command("prune-now", "-v", "-o", "json")...).says(t, "+ docker system prune -af", "Total reclaimed space: ")
	report := decode[pruned](t, r)
	if report.ReclaimedBytes == nil || *report.ReclaimedBytes <= 0 {
		t.Errorf("nothing was freed: %+v", report)
	}
	if report.After["buildCacheBytes"] >= report.Before["buildCacheBytes"] || report.After["reclaimableBytes"] >= report.Before["reclaimableBytes"] {
		t.Errorf("before and after: %+v", report)
	}
	i.job(t, `docker image ls --format '{{.Repository}}' | sort | tr '\n' ' '; docker ps`).want(t, "keeper", "used ")
	if log := i.job(t, `docker image ls`).want(t).log; strings.Contains(log, "unused") {
		t.Errorf("the unused image is still there:\n%s", log)
	}
	i.buildsCold(t, "unused")
}
