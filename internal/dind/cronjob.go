package dind

import (
	batchv1 "k8s.io/api/batch/v1"
	applybatch "k8s.io/client-go/applyconfigurations/batch/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
)

// The variables that prune.sh reads besides DOCKER_HOST.
const (
	unusedForEnv   = "PRUNE_UNUSED_FOR"
	keepStorageEnv = "PRUNE_KEEP_STORAGE"
)

const (
	// A run that was missed because the control plane was down still starts within
	// six hours. Without a deadline the controller stops after 100 missed runs.
	startingDeadline = 6 * 60 * 60
	// prune.sh waits up to half an hour for another prune.
	pruneDeadline = 60 * 60
	pruneRetries  = 3
	jobsKept      = 3
)

// jobLabels returns the labels of the prune pods. They have no app label, so that the
// Service does not select them.
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

// prunePod returns the prune pod. It may run on any node: it has no node selector, but
// the daemon's tolerations, for clusters in which every node has a taint.
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
