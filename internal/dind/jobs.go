package dind

import (
	"maps"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	applybatch "k8s.io/client-go/applyconfigurations/batch/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
)

const (
	// The variables that prune.sh reads besides DOCKER_HOST.
	unusedForEnv   = "PRUNE_UNUSED_FOR"
	keepStorageEnv = "PRUNE_KEEP_STORAGE"
	maxAgeEnv      = "PRUNE_MAX_CONTAINER_AGE"
	cacheNowEnv    = "PRUNE_CACHE_NOW"
	certificateEnv = "PRUNE_CERTIFICATE_DAYS"

	// ExpiryDays is how long before the end of a certificate status warns and the Job of
	// the schedule fails. An install in the last third of a certificate's life renews it:
	// none has run for months then.
	ExpiryDays = 30
	// expiryCode is the exit code of prune.sh for a certificate that expires.
	expiryCode = 3

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
	labels := pairs(p.PodLabels)
	maps.Copy(labels, p.labels())
	delete(labels, AppLabel)
	labels[ComponentLabel] = PruneComponent
	return labels
}

func (p plan) cronJob() *applybatch.CronJobApplyConfiguration {
	spec := applybatch.CronJobSpec().
		WithSchedule(p.PruneSchedule).
		WithSuspend(false).
		WithConcurrencyPolicy(batchv1.ForbidConcurrent).
		WithStartingDeadlineSeconds(startingDeadline).
		WithSuccessfulJobsHistoryLimit(jobsKept).
		WithFailedJobsHistoryLimit(jobsKept).
		WithJobTemplate(applybatch.JobTemplateSpec().
			WithLabels(p.labels()).
			WithSpec(p.pruneJobSpec()))
	if p.PruneTimezone != "" {
		spec.WithTimeZone(p.PruneTimezone)
	}
	return applybatch.CronJob(CronJobName(p.Name), p.Namespace).WithLabels(p.labels()).WithSpec(spec)
}

func (p plan) pruneJobSpec() *applybatch.JobSpecApplyConfiguration {
	spec := applybatch.JobSpec().
		WithBackoffLimit(pruneRetries).
		WithActiveDeadlineSeconds(pruneDeadline).
		WithTemplate(p.podTemplate(p.jobLabels(), nil, p.prunePod()))
	if p.TLS {
		// A certificate that expires does so in the next try, too.
		spec.WithPodFailurePolicy(applybatch.PodFailurePolicy().WithRules(applybatch.PodFailurePolicyRule().
			WithAction(batchv1.PodFailurePolicyActionFailJob).
			WithOnExitCodes(applybatch.PodFailurePolicyOnExitCodesRequirement().
				WithContainerName(PruneContainerName).WithOperator(batchv1.PodFailurePolicyOnExitCodesOpIn).WithValues(expiryCode))))
	}
	return spec
}

// prunePod returns the prune pod. It may run on any node of the daemon's architecture: it
// has the daemon's tolerations, for clusters in which every node has a taint.
func (p plan) prunePod() *applycore.PodSpecApplyConfiguration {
	unusedFor, _ := parseUnusedFor(p.PruneUnusedFor)
	env := []Variable{{unusedForEnv, unusedFor}}
	if age := p.maxContainerAge(); age != "" {
		env = append(env, Variable{maxAgeEnv, age})
	}
	if p.TLS {
		env = append(env, Variable{certificateEnv, strconv.Itoa(ExpiryDays)})
	}
	pod := client{
		namespace: p.Namespace, name: p.Name, tls: p.TLS, certificates: SecretsOf(p.Name, p.Options).Client, container: PruneContainerName, image: p.Image,
		command: runScript(pruneScriptName), env: env,
	}.pod()
	p.mountScripts(pod)
	p.withScheduling(pod)
	besideDaemon(pod, "", p.selector, pairs(p.NodeSelector))
	return pod
}

// maxContainerAge returns MaxContainerAge as the scripts accept it, "" for none.
func (p plan) maxContainerAge() string {
	age, _ := parseUnusedFor(p.MaxContainerAge) // "" for none, too
	return age
}

// clientUser is the user nobody.
const clientUser = 65534

// client is a docker client that runs a command in a Job's pod and connects to an
// installation as a CI job does, with the variables of Variables.
type client struct {
	namespace, name string // the installation's
	tls             bool
	// withoutCerts means that the client has no certificates and only tests whether
	// the daemon's port responds: the pod's namespace may have no Secret to mount.
	withoutCerts     bool
	certificates     CertificateSecret
	container, image string // container is its name
	command          []string
	env              []Variable // besides Variables
}

// pod returns a pod with the fewest privileges. The caller adds scheduling and image
// pull secrets.
func (c client) pod() *applycore.PodSpecApplyConfiguration {
	variables := Variables(c.namespace, c.name, c.tls)
	if c.withoutCerts {
		variables = variables[:1] // DOCKER_HOST
	}
	// docker and buildx fail without a writable home directory.
	variables = append(variables, Variable{"HOME", "/tmp"})
	var env []*applycore.EnvVarApplyConfiguration
	for _, v := range append(variables, c.env...) {
		env = append(env, variable(v.Name, v.Value))
	}
	pod := applycore.PodSpec().
		// Never, so that each attempt leaves a pod with its log.
		WithRestartPolicy(corev1.RestartPolicyNever).
		WithAutomountServiceAccountToken(false).
		WithEnableServiceLinks(false).
		WithSecurityContext(applycore.PodSecurityContext().
			WithRunAsNonRoot(true).WithRunAsUser(clientUser).WithRunAsGroup(clientUser).
			WithSeccompProfile(applycore.SeccompProfile().WithType(corev1.SeccompProfileTypeRuntimeDefault))).
		WithContainers(applycore.Container().
			WithName(c.container).
			WithImage(c.image).
			WithCommand(c.command...).
			WithEnv(env...).
			// Limits, because a ResourceQuota may require them.
			WithResources(applycore.ResourceRequirements().
				WithRequests(*resourceList("50m", "64Mi")).WithLimits(*resourceList("1", "256Mi"))).
			WithSecurityContext(applycore.SecurityContext().
				WithAllowPrivilegeEscalation(false).
				WithReadOnlyRootFilesystem(true).
				WithCapabilities(applycore.Capabilities().WithDrop("ALL"))).
			WithTerminationMessagePolicy(corev1.TerminationMessageFallbackToLogsOnError).
			WithVolumeMounts(applycore.VolumeMount().WithName("tmp").WithMountPath("/tmp"))).
		WithVolumes(applycore.Volume().WithName("tmp").WithEmptyDir(applycore.EmptyDirVolumeSource()))
	if c.tls && !c.withoutCerts {
		c.certificates.mount(pod, ClientCertPath)
	}
	return pod
}
