package dind

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
)

// clientUser is nobody; the client needs no right but to connect.
const clientUser = 65534

// client is a docker client that runs a command in a Job's pod and speaks to an
// installation the way a CI job does: by the variables that jobs are given.
type client struct {
	// namespace and name are the installation's.
	namespace, name string
	// tls tells whether it speaks TLS; the pod's namespace then has the Secret.
	tls bool
	// knocks says that it has no certificates and is only to see whether
	// anything answers, as in a namespace that is not given the Secret.
	knocks bool
	// container is the container's name, image the daemon's own.
	container, image string
	command          []string
	// env comes beside the variables of a job.
	env []Variable
}

// pod has no right that its command does not need. Where it is placed, and with
// what the image is pulled, is the caller's part.
func (c client) pod() *applycore.PodSpecApplyConfiguration {
	pod := applycore.PodSpec().
		// Never, so that each try leaves a pod with its own log.
		WithRestartPolicy(corev1.RestartPolicyNever).
		WithAutomountServiceAccountToken(false).
		WithEnableServiceLinks(false).
		WithSecurityContext(applycore.PodSecurityContext().
			WithRunAsNonRoot(true).WithRunAsUser(clientUser).WithRunAsGroup(clientUser).
			WithSeccompProfile(applycore.SeccompProfile().WithType(corev1.SeccompProfileTypeRuntimeDefault))).
		WithContainers(c.run()).
		WithVolumes(applycore.Volume().WithName("tmp").WithEmptyDir(applycore.EmptyDirVolumeSource()))
	if c.tls && !c.knocks {
		pod.WithVolumes(secretVolume(ClientSecretName(c.name)))
		pod.Containers[0].WithVolumeMounts(
			applycore.VolumeMount().WithName(certVolumeName).WithMountPath(ClientCertPath).WithReadOnly(true))
	}
	return pod
}

func (c client) run() *applycore.ContainerApplyConfiguration {
	var env []*applycore.EnvVarApplyConfiguration
	variables := Variables(c.namespace, c.name, c.tls)
	if c.knocks {
		variables = []Variable{{"DOCKER_HOST", Endpoint(c.namespace, c.name, c.tls)}}
	}
	for _, v := range variables {
		env = append(env, variable(v.Name, v.Value))
	}
	// docker and buildx keep settings in the home directory, and fail without.
	env = append(env, variable("HOME", "/tmp"))
	for _, v := range c.env {
		env = append(env, variable(v.Name, v.Value))
	}
	return applycore.Container().
		WithName(c.container).
		WithImage(c.image).
		WithCommand(c.command...).
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
