package lifecycle

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/rollout"
)

// Prune is the state of the scheduled prune.
type Prune struct {
	Schedule   string     `json:"schedule"`
	LastRun    *time.Time `json:"lastRun"`
	LastResult *string    `json:"lastResult"` // succeeded, failed or running
	// LastReclaimedBytes is what the file system gained; nil if it is unknown.
	LastReclaimedBytes *int64 `json:"lastReclaimedBytes"`
	// LastDurationSeconds is nil while it runs.
	LastDurationSeconds *float64 `json:"lastDurationSeconds"`
	// LastFailure is why it failed; nil if it did not.
	LastFailure *string    `json:"lastFailure"`
	NextRun     *time.Time `json:"nextRun"`
}

// pruneState returns the result of the last prune and when the next one is; nil
// without a CronJob.
func (i Instance) pruneState(ctx context.Context, cronJob *batchv1.CronJob, pods []corev1.Pod) (*Prune, []Problem) {
	if cronJob == nil {
		return nil, nil
	}
	object := "cronjob/" + cronJob.Name
	state := &Prune{Schedule: cronJob.Spec.Schedule}
	var problems []Problem
	if next, err := nextRun(cronJob, i.Now()); err == nil {
		state.NextRun = next
	} else {
		problems = append(problems, Problem{
			Object: object, Reason: "ScheduleInvalid", Severity: SeverityWarning,
			Message: fmt.Sprintf("The schedule cannot be read: %v.", err),
			Hint:    "Set another with `dindctl install --prune-schedule`.",
		})
	}
	runs, err := i.Cluster.Runs(ctx, cronJob.UID, i.labels(), pods, dind.PruneContainerName)
	if err != nil {
		return state, append(problems, Problem{
			Object: object, Reason: "RunsUnknown", Severity: SeverityWarning,
			Message: "The last prune could not be read: " + err.Error(),
			Hint:    hintFor(err, "list jobs.batch", "`dindctl status` tries again."),
		})
	}
	if len(runs) == 0 {
		return state, problems
	}
	last := runs[0]
	state.LastRun = &last.Job.CreationTimestamp.Time
	ended, result := kube.JobEnd(last.Job), "running"
	switch {
	case ended != nil && ended.Type == batchv1.JobComplete:
		result = "succeeded"
	case ended != nil:
		result = "failed"
	default:
		problems = append(problems, keptProblems(last)...)
	}
	state.LastResult = &result
	if began := last.Job.Status.StartTime; began != nil && ended != nil {
		state.LastDurationSeconds = new(ended.LastTransitionTime.Sub(began.Time).Seconds())
	}
	if result == "failed" {
		message := failureOf(ended, last.Failure)
		state.LastFailure = &message
		problems = append(problems, Problem{
			Object: "job/" + last.Job.Name, Reason: "PruneFailed", Severity: SeverityWarning,
			Message: "The last prune failed: " + message,
			Hint:    fmt.Sprintf("kubectl logs -n %s job/%s shows why; `dindctl prune-now` runs it again.", i.Cluster.Namespace, last.Job.Name),
		})
	}
	return state, problems
}

// keptProblems returns the problem of a prune that has ended while another container keeps
// its pod running.
func keptProblems(run kube.Run) []Problem {
	if run.Pod == nil || kube.ContainerEnd(run.Pod, dind.PruneContainerName) == nil {
		return nil
	}
	others := kube.OthersRunning(run.Pod, dind.PruneContainerName)
	if len(others) == 0 {
		return nil
	}
	return []Problem{{
		Object: "job/" + run.Job.Name, Reason: "PruneKept", Severity: SeverityWarning,
		Message: fmt.Sprintf("The last prune has ended, but its pod still runs %s, which dindctl did not add: at its deadline the Job counts as failed.", strings.Join(others, ", ")),
		Hint:    rollout.OptOutHint,
	}}
}

// failureOf returns why a prune failed: by its termination message, or else by the
// Job's condition.
func failureOf(ended *batchv1.JobCondition, said string) string {
	if reason := dind.PruneFailure(said); reason != "" {
		return reason + " (" + ended.Message + ")"
	}
	return ended.Message
}

// nextRun returns when the CronJob runs next, nil if it is suspended. It parses the
// schedule with the library of the CronJob controller; without a time zone it
// assumes UTC, the usual zone of the controller manager. See https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#time-zones
func nextRun(cronJob *batchv1.CronJob, now time.Time) (*time.Time, error) {
	if cronJob.Spec.Suspend != nil && *cronJob.Spec.Suspend {
		return nil, nil
	}
	zone := time.UTC
	if cronJob.Spec.TimeZone != nil {
		var err error
		if zone, err = time.LoadLocation(*cronJob.Spec.TimeZone); err != nil {
			return nil, err
		}
	}
	schedule, err := cron.ParseStandard(cronJob.Spec.Schedule)
	if err != nil {
		return nil, err
	}
	next := schedule.Next(now.In(zone))
	return &next, nil
}

// guardDelay is the most time after the end of a prune until guard.sh has recorded it.
const guardDelay = 3 * time.Minute

// gained sets what the file system gained by the last prune, if the record is of it.
func (p *Prune) gained(gain *dind.Gain) {
	if p == nil || gain == nil || p.LastResult == nil || *p.LastResult != "succeeded" || p.LastDurationSeconds == nil {
		return
	}
	ended := p.LastRun.Add(time.Duration(*p.LastDurationSeconds * float64(time.Second)))
	if !gain.Time.Before(*p.LastRun) && gain.Time.Before(ended.Add(guardDelay)) {
		p.LastReclaimedBytes = &gain.FreedBytes
	}
}
