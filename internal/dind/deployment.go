package dind

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	applyapps "k8s.io/client-go/applyconfigurations/apps/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
)

const (
	// The daemon gives its containers 15 s or their own stop timeout, and then
	// writes its state; killed before, it has a long start ahead.
	gracePeriod = 90
	// Kubernetes' 600 s call a slow pull of the image a failure.
	progressDeadline = 3600
	// Old ReplicaSets are of no use: there is nothing to roll back but flags.
	revisionHistory = 2
)

// deployment runs the one daemon. Two on one data root corrupt it, so the old
// pod is gone before the new one comes (Recreate).
func (p plan) deployment() *applyapps.DeploymentApplyConfiguration {
	return applyapps.Deployment(p.Name, p.Namespace).
		WithLabels(p.labels()).
		WithSpec(applyapps.DeploymentSpec().
			WithReplicas(1).
			WithRevisionHistoryLimit(revisionHistory).
			WithProgressDeadlineSeconds(progressDeadline).
			WithStrategy(applyapps.DeploymentStrategy().WithType(appsv1.RecreateDeploymentStrategyType)).
			WithSelector(p.selector.apply()).
			WithTemplate(applycore.PodTemplateSpec().
				WithLabels(p.podLabels).
				WithAnnotations(p.hashes()).
				WithSpec(p.pod())))
}

func (p plan) pod() *applycore.PodSpecApplyConfiguration {
	pod := applycore.PodSpec().
		WithTerminationGracePeriodSeconds(gracePeriod).
		// Builds are other people's code, and privileged: no token for them.
		WithAutomountServiceAccountToken(false).
		// Service links would put a variable for each Service, the daemon's
		// DOCKER_DIND_PORT included, into the daemon's environment.
		WithEnableServiceLinks(false).
		WithContainers(p.container()).
		WithVolumes(applycore.Volume().WithName(VolumeName).
			WithPersistentVolumeClaim(applycore.PersistentVolumeClaimVolumeSource().WithClaimName(p.claimName)))
	p.mountScripts(pod)
	if p.TLS {
		p.mountCertificates(pod)
	}
	for _, pair := range p.NodeSelector {
		key, value, _ := strings.Cut(pair, "=")
		pod.WithNodeSelector(map[string]string{key: value})
	}
	p.withScheduling(pod)
	return pod
}

// withScheduling sets what the daemon's pod and the prune Jobs' pods have in common.
func (p plan) withScheduling(pod *applycore.PodSpecApplyConfiguration) {
	for _, name := range unique(p.ImagePullSecrets) {
		pod.WithImagePullSecrets(applycore.LocalObjectReference().WithName(name))
	}
	for _, s := range unique(p.Tolerations) {
		t, _ := parseToleration(s)
		toleration := applycore.Toleration().WithKey(t.Key).WithOperator(t.Operator)
		if t.Value != "" {
			toleration.WithValue(t.Value)
		}
		if t.Effect != "" {
			toleration.WithEffect(t.Effect)
		}
		pod.WithTolerations(toleration)
	}
	if p.PriorityClass != "" {
		pod.WithPriorityClassName(p.PriorityClass)
	}
}

// container is the daemon. The pull policy is left to Kubernetes' rule: Always
// for :latest, IfNotPresent for every other tag.
func (p plan) container() *applycore.ContainerApplyConfiguration {
	container := applycore.Container().
		WithName(ContainerName).
		WithImage(p.Image).
		WithCommand(runScript(startScriptName, p.MTU, p.highWater())...).
		WithArgs(p.dockerdArgs()...).
		WithEnv(p.env()...).
		WithPorts(applycore.ContainerPort().
			WithName(PortName).WithContainerPort(port(p.TLS)).WithProtocol(corev1.ProtocolTCP)).
		WithSecurityContext(applycore.SecurityContext().WithPrivileged(true)).
		WithVolumeMounts(
			applycore.VolumeMount().WithName(VolumeName).WithMountPath(DataRoot),
			// One file, so that /etc/docker stays writable: engines before 23
			// put a key there. Such a mount does not follow the ConfigMap,
			// which is why a change rolls the pod.
			applycore.VolumeMount().WithName(ConfigVolumeName).
				WithMountPath("/etc/docker/"+configKey).WithSubPath(configKey).WithReadOnly(true),
		)
	for _, name := range unique(p.EnvFromSecrets) {
		container.WithEnvFrom(applycore.EnvFromSource().WithSecretRef(applycore.SecretEnvSource().WithName(name)))
	}
	if resources := p.resources(); resources != nil {
		container.WithResources(resources)
	}
	return p.withProbes(container)
}

// withProbes adds probes that ask the daemon. There is no liveness probe: a
// daemon that is slow under load would be restarted, and every build with it.
//
// With TLS they ask on the socket: the pod has no client's certificate, and the
// kubelet none either. The daemon opens all its listeners before it answers on
// any of them.
func (p plan) withProbes(container *applycore.ContainerApplyConfiguration) *applycore.ContainerApplyConfiguration {
	asked := fmt.Sprintf("tcp://127.0.0.1:%d", PlainPort)
	readiness := applycore.Probe().
		// From the kubelet, which NetworkPolicies must let through to pods of
		// its own node.
		WithHTTPGet(applycore.HTTPGetAction().WithPath("/_ping").WithPort(intstr.FromString(PortName)))
	if p.TLS {
		asked = socket
		readiness = applycore.Probe().WithExec(applycore.ExecAction().WithCommand("docker", "-H", socket, "version"))
	}
	return container.
		// Each try lasts 40 to 60 s, so 30 of them give the daemon at least 20
		// minutes: with large graphs it needs some.
		WithStartupProbe(applycore.Probe().
			WithExec(applycore.ExecAction().WithCommand(runScript(awaitScriptName, asked)...)).
			WithPeriodSeconds(1).WithTimeoutSeconds(60).WithFailureThreshold(30)).
		WithReadinessProbe(readiness.
			WithPeriodSeconds(10).WithTimeoutSeconds(5).WithFailureThreshold(3))
}

// dockerdArgs begins with --tls=false where there is no TLS: without it dockerd
// sleeps 15 s to warn of such a port. (--tlsverify=false would turn TLS on.) With
// TLS the image's entrypoint adds the flags. The user's come last, because of
// two flags the last one counts.
func (p plan) dockerdArgs() []string {
	var args []string
	if !p.TLS {
		args = append(args, "--tls=false")
	}
	for _, arg := range p.DockerdArgs {
		args = append(args, literal(arg))
	}
	return args
}

// env begins with DOCKER_TLS_CERTDIR, by which the image's entrypoint knows to
// listen on 2376 with the certificates in it, or on 2375 without where it is
// empty.
func (p plan) env() []*applycore.EnvVarApplyConfiguration {
	env := []*applycore.EnvVarApplyConfiguration{variable(certDirVariable, "")}
	if p.TLS {
		env[0].WithValue(certDir)
	}
	if p.StorageDriver != "" {
		// dockerd itself reads it, and it wins over flag and daemon.json.
		env = append(env, variable("DOCKER_DRIVER", p.StorageDriver))
	}
	for _, pair := range p.Env {
		name, value, _ := strings.Cut(pair, "=")
		env = append(env, variable(name, literal(value)))
	}
	return env
}

func variable(name, value string) *applycore.EnvVarApplyConfiguration {
	return applycore.EnvVar().WithName(name).WithValue(value)
}

// resources is nil where nothing was asked for.
func (p plan) resources() *applycore.ResourceRequirementsApplyConfiguration {
	requests, limits := resourceList(p.CPURequest, p.MemoryRequest), resourceList(p.CPULimit, p.MemoryLimit)
	if len(requests)+len(limits) == 0 {
		return nil
	}
	resources := applycore.ResourceRequirements()
	if len(requests) > 0 {
		resources.WithRequests(requests)
	}
	if len(limits) > 0 {
		resources.WithLimits(limits)
	}
	return resources
}

func resourceList(cpu, memory string) corev1.ResourceList {
	list := corev1.ResourceList{}
	if cpu != "" {
		list[corev1.ResourceCPU] = resource.MustParse(cpu)
	}
	if memory != "" {
		list[corev1.ResourceMemory] = resource.MustParse(memory)
	}
	return list
}
