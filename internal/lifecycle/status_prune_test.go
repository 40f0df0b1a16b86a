package lifecycle

import (
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/dind"
)

func TestFailureOfPrune(t *testing.T) {
	ended := &batchv1.JobCondition{Message: "Job has reached the specified backoff limit", LastTransitionTime: metav1.Time{}}
	for message, want := range map[string]string{
		`{"error":"disk on fire"}`: "disk on fire (Job has reached the specified backoff limit)",
		`{"reclaimed":["1GB"]}`:    ended.Message,
		"a truncated log":          ended.Message,
		"":                         ended.Message,
	} {
		if got := failureOf(ended, message); got != want {
			t.Errorf("message %q: got %q, want %q", message, got, want)
		}
	}
}

// A record counts for the last prune only.
func TestGained(t *testing.T) {
	for _, test := range []struct {
		name     string
		result   string
		recorded time.Duration // after the start; the prune took a minute
		want     bool
	}{
		{"this prune", "succeeded", 90 * time.Second, true},
		{"an earlier one", "succeeded", -time.Second, false},
		{"one by hand, later", "succeeded", 5 * time.Minute, false},
		{"failed", "failed", 90 * time.Second, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			prune := &Prune{LastRun: &noon, LastResult: &test.result, LastDurationSeconds: new(60.0)}
			prune.gained(&dind.Gain{Time: noon.Add(test.recorded), FreedBytes: 7})
			if got := prune.LastReclaimedBytes; (got != nil) != test.want || got != nil && *got != 7 {
				t.Errorf("got %v", got)
			}
		})
	}
	(*Prune)(nil).gained(&dind.Gain{})
	(&Prune{}).gained(nil)
}

func TestNextRun(t *testing.T) {
	tests := []struct {
		name           string
		schedule, zone string
		suspended      bool
		now            time.Time
		want           string // "" for none
		err            string
	}{
		{"weekly, in UTC", "0 0 * * 0", "", false, noon, "2026-11-22T00:00:00Z", ""},
		{"the local time zone does not matter", "0 0 * * 0", "", false, noon.In(time.FixedZone("far", 14*3600)), "2026-11-22T00:00:00Z", ""},
		{"in a time zone", "0 0 * * 0", "Europe/Berlin", false, noon, "2026-11-22T00:00:00+01:00", ""},
		{"in a time zone where it is Sunday already", "0 0 * * 0", "Pacific/Auckland", false, noon, "2026-11-29T00:00:00+13:00", ""},
		{"across the start of daylight saving time", "30 2 * * *", "Europe/Berlin", false, time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC), "2026-03-30T02:30:00+02:00", ""},
		{"a named schedule", "@daily", "", false, noon, "2026-11-22T00:00:00Z", ""},
		{"suspended", "0 0 * * 0", "", true, noon, "", ""},
		{"unknown time zone", "0 0 * * 0", "Mars/Base", false, noon, "", "unknown time zone Mars/Base"},
		{"invalid schedule", "weekly", "", false, noon, "", "expected exactly 5 fields"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cronJob := &batchv1.CronJob{Spec: batchv1.CronJobSpec{Schedule: test.schedule, Suspend: &test.suspended}}
			if test.zone != "" {
				cronJob.Spec.TimeZone = &test.zone
			}
			next, err := nextRun(cronJob, test.now)
			if (err == nil) != (test.err == "") || !strings.Contains(text(err), test.err) {
				t.Fatalf("got error %v, want %q", err, test.err)
			}
			got := ""
			if next != nil {
				got = next.Format(time.RFC3339)
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// lastPrune adds a prune Job that was created an hour ago.
func lastPrune(w *world, state batchv1.JobConditionType, message string) {
	job, pod := clustertest.PruneRun("d", noon.Add(-time.Hour))
	clustertest.End(job, pod, state, corev1.PodSucceeded, message)
	w.Add(job, pod)
}

func TestStatusOfPrune(t *testing.T) {
	t.Run("running", func(t *testing.T) {
		w := statusWorld(t)
		lastPrune(w, "", "")
		status, err := w.Status(t.Context())
		if err != nil || *status.Prune.LastResult != "running" || status.Prune.LastReclaimedBytes != nil {
			t.Fatalf("got %+v, %v", status.Prune, err)
		}
	})
	t.Run("no prune", func(t *testing.T) {
		w := installedWorld(t, func(o *dind.Options) { o.PruneSchedule = "none" })
		w.withExec(t, clustertest.Prints(clustertest.StatOutput))
		status, err := w.Status(t.Context())
		if err != nil || status.Prune != nil || !status.Healthy {
			t.Fatalf("got %+v, %v", status, err)
		}
	})
}
