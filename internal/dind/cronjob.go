package dind

import (
	batchv1 "k8s.io/api/batch/v1"
	applybatch "k8s.io/client-go/applyconfigurations/batch/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
)

// The variables that prune.sh reads, beside DOCKER_HOST.
const (
	unusedForEnv   = "PRUNE_UNUSED_FOR"
	keepStorageEnv = "PRUNE_KEEP_STORAGE"
)

const (
	// A clean-up that was missed, as the control plane was down, is made up
	// for within six hours. Some deadline must be: without one the controller
	// gives a schedule up for good after 100 misses.
	startingDeadline = 6 * 60 * 60
	// Long enough to wait half an hour for another prune and then to prune.
	pruneDeadline = 60 * 60
	pruneRetries  = 3
	jobsKept      = 3
)

// jobLabels are on the clean-up's pods. The label app is missing on purpose:
// the Service would send jobs to them.
func (p plan) jobLabels() map[string]string {
	labels := p.labels()
	delete(labels, AppLabel)
	labels[ComponentLabel] = PruneComponent
	return labels
}

func (p plan) cronJob() *applybatch.CronJobApplyConfiguration {
	spec := applybatch.CronJobSpec().
		WithSchedule(p.PruneSchedule).
		WithConcurrencyPolicy(batchv1.ForbidConcurrent).
		WithStartingDeadlineSeconds(startingDeadline).
		WithSuccessfulJobsHistoryLimit(jobsKept).
		WithFailedJobsHistoryLimit(jobsKept).
		WithJobTemplate(applybatch.JobTemplateSpec().
			WithLabels(p.labels()).
			WithSpec(applybatch.JobSpec().
				WithBackoffLimit(pruneRetries).
				WithActiveDeadlineSeconds(pruneDeadline).
				WithTemplate(applycore.PodTemplateSpec().
					WithLabels(p.jobLabels()).
					WithSpec(p.prunePod()))))
	if p.PruneTimezone != "" {
		spec.WithTimeZone(p.PruneTimezone)
	}
	return applybatch.CronJob(CronJobName(p.Name), p.Namespace).
		WithLabels(p.labels()).
		WithSpec(spec)
}

// prunePod runs anywhere the image runs: the daemon's node selector does not
// apply, its tolerations do, for clusters where every node has a taint.
func (p plan) prunePod() *applycore.PodSpecApplyConfiguration {
	unusedFor, _ := parseUnusedFor(p.PruneUnusedFor)
	pod := client{
		namespace: p.Namespace, name: p.Name, tls: p.TLS, container: PruneContainerName, image: p.Image,
		command: runScript(pruneScriptName), env: []Variable{{unusedForEnv, unusedFor}},
	}.pod()
	p.mountScripts(pod)
	p.withScheduling(pod)
	return pod
}
