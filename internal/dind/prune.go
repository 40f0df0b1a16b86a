package dind

import (
	batchv1 "k8s.io/api/batch/v1"
)

// PruneOverrides change one run of the clean-up; the zero value changes nothing.
type PruneOverrides struct {
	// All removes everything unused, whenever it was used last.
	All bool
	// UnusedFor replaces the schedule's --prune-unused-for.
	UnusedFor string
	// KeepStorage prunes the build cache only, down to this size.
	KeepStorage string
}

// Validate tells what is wrong with the overrides, as Problems, or nil.
func (o PruneOverrides) Validate() error { return nil }

// PruneJob is a Job made from the CronJob the way kubectl create job --from
// does it: its controller and owner is the CronJob, so that the CronJob's
// history limits clear it away. Its name is the CronJob's, a dash and
// nameSuffix. The CronJob itself is not changed.
func PruneJob(cron *batchv1.CronJob, overrides PruneOverrides, nameSuffix string) *batchv1.Job {
	return &batchv1.Job{}
}

// PruneResult is what a clean-up says of itself.
type PruneResult struct {
	ReclaimedBytes int64 `json:"reclaimedBytes"`
}

// ParsePruneResult reads the termination message of the clean-up's container.
func ParsePruneResult(terminationMessage string) (PruneResult, error) {
	return PruneResult{}, nil
}
