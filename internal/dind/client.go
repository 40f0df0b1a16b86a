package dind

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
)

// clientUser is the user nobody: the client only needs to connect.
const clientUser = 65534

// client is a docker client that runs a command in a Job's pod and connects to an
// installation as a CI job does, with the variables of Variables.
type client struct {
	// namespace and name are the installation's.
	namespace, name string
	tls             bool
	// withoutCerts means that the client has no certificates and only tests whether
	// the daemon's port responds: the pod's namespace may have no Secret to mount.
	withoutCerts bool
	// container is the container's name.
	container, image string
	command          []string
	// env is added to Variables.
	env []Variable
}

// pod returns a pod with the fewest privileges. The caller adds scheduling and image
// pull secrets.
func (c client) pod() *applycore.PodSpecApplyConfiguration {
	pod := applycore.PodSpec().
		// Never, so that each attempt leaves a pod with its log.
		WithRestartPolicy(corev1.RestartPolicyNever).
		WithAutomountServiceAccountToken(false).
		WithEnableServiceLinks(false).
		WithSecurityContext(applycore.PodSecurityContext().
			WithRunAsNonRoot(true).WithRunAsUser(clientUser).WithRunAsGroup(clientUser).
			WithSeccompProfile(applycore.SeccompProfile().WithType(corev1.SeccompProfileTypeRuntimeDefault))).
		WithContainers(c.containerConfig()).
		WithVolumes(applycore.Volume().WithName("tmp").WithEmptyDir(applycore.EmptyDirVolumeSource()))
	if c.tls && !c.withoutCerts {
		mountSecret(pod, ClientSecretName(c.name), ClientCertPath)
	}
	return pod
}

func (c client) containerConfig() *applycore.ContainerApplyConfiguration {
	var env []*applycore.EnvVarApplyConfiguration
	variables := Variables(c.namespace, c.name, c.tls)
	if c.withoutCerts {
		variables = []Variable{{"DOCKER_HOST", Endpoint(c.namespace, c.name, c.tls)}}
	}
	for _, v := range variables {
		env = append(env, variable(v.Name, v.Value))
	}
	// docker and buildx fail without a writable home directory.
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
