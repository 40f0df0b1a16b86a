package dind

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
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
	// nobody; the client needs no right but to connect.
	pruneUser = 65534
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
	pod := applycore.PodSpec().
		// Never, so that each try leaves a pod with its own log.
		WithRestartPolicy(corev1.RestartPolicyNever).
		WithAutomountServiceAccountToken(false).
		WithEnableServiceLinks(false).
		WithSecurityContext(applycore.PodSecurityContext().
			WithRunAsNonRoot(true).WithRunAsUser(pruneUser).WithRunAsGroup(pruneUser).
			WithSeccompProfile(applycore.SeccompProfile().WithType(corev1.SeccompProfileTypeRuntimeDefault))).
		WithContainers(p.pruneContainer()).
		WithVolumes(applycore.Volume().WithName("tmp").WithEmptyDir(applycore.EmptyDirVolumeSource()))
	p.place(pod)
	return pod
}

func (p plan) pruneContainer() *applycore.ContainerApplyConfiguration {
	unusedFor, _ := parseUnusedFor(p.PruneUnusedFor)
	env := []*applycore.EnvVarApplyConfiguration{}
	for _, v := range Variables(p.Namespace, p.Name) {
		env = append(env, variable(v.Name, v.Value))
	}
	// docker and buildx keep settings in the home directory, and fail without.
	env = append(env, variable("HOME", "/tmp"), variable(unusedForEnv, unusedFor))
	return applycore.Container().
		WithName(PruneContainerName).
		WithImage(p.Image).
		WithCommand("sh", "-c", pruneScript).
		WithEnv(env...).
		WithResources(applycore.ResourceRequirements().WithRequests(corev1.ResourceList{
			corev1.ResourceCPU:    resource.MustParse("10m"),
			corev1.ResourceMemory: resource.MustParse("32Mi"),
		})).
		WithSecurityContext(applycore.SecurityContext().
			WithAllowPrivilegeEscalation(false).
			WithReadOnlyRootFilesystem(true).
			WithCapabilities(applycore.Capabilities().WithDrop("ALL"))).
		WithTerminationMessagePolicy(corev1.TerminationMessageFallbackToLogsOnError).
		WithVolumeMounts(applycore.VolumeMount().WithName("tmp").WithMountPath("/tmp"))
}
