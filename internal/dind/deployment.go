package dind

import (
	"fmt"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	applyapps "k8s.io/client-go/applyconfigurations/apps/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
)

const (
	// After the drain, the daemon stops its containers within 15 s or their stop timeout,
	// and then writes its state. If it is killed before, its next start takes long.
	gracePeriod = 90
	// A slow image pull can exceed the default of 600 s.
	progressDeadline = 3600
	revisionHistory  = 2
)

// deployment returns the Deployment. Two daemons corrupt a shared data root, so the
// old pod stops before the new one starts (Recreate).
func (p plan) deployment() *applyapps.DeploymentApplyConfiguration {
	return applyapps.Deployment(p.Name, p.Namespace).
		WithLabels(p.labels()).
		WithAnnotations(p.remembered()).
		WithSpec(applyapps.DeploymentSpec().
			WithReplicas(1).
			WithPaused(false). // sent, so that install repairs it
			WithRevisionHistoryLimit(revisionHistory).
			WithProgressDeadlineSeconds(progressDeadline).
			WithStrategy(applyapps.DeploymentStrategy().WithType(appsv1.RecreateDeploymentStrategyType)).
			WithSelector(applySelector(p.selector)).
			WithTemplate(p.podTemplate(p.podLabels, p.podAnnotations(), p.pod())))
}

func (p plan) pod() *applycore.PodSpecApplyConfiguration {
	pod := applycore.PodSpec().
		// New jobs find the daemon by the pod's name only while it takes new work.
		WithHostname(p.Name).WithSubdomain(PodsServiceName(p.Name)).
		// Builds are untrusted code: give them no token.
		WithAutomountServiceAccountToken(false).
		// Service links would add variables such as DOCKER_DIND_PORT.
		WithEnableServiceLinks(false).
		// Defaults, but sent: if somebody sets them, the daemon listens on the node's
		// addresses, where no NetworkPolicy applies, and install has to repair it. The
		// API server stores no false, so they do not restart a pod.
		WithHostNetwork(false).WithHostPID(false).WithHostIPC(false).
		WithContainers(p.container()).
		WithVolumes(applycore.Volume().WithName(VolumeName).
			WithPersistentVolumeClaim(applycore.PersistentVolumeClaimVolumeSource().WithClaimName(p.claimName)))
	p.mountScripts(pod)
	p.withDrain(pod)
	p.withPublishedPorts(pod)
	p.withMetrics(pod)
	if p.TLS {
		// Only root can read the daemon's key.
		SecretsOf(p.Name, p.Options).Server.mount(pod, certDir+"/server").WithDefaultMode(0o400)
	}
	if p.Affinity != "" {
		affinity, _ := parseAffinity(p.Affinity)
		pod.WithAffinity(affinity)
	}
	if p.RuntimeClass != "" {
		pod.WithRuntimeClassName(p.RuntimeClass)
	}
	p.withSpread(pod)
	p.withScheduling(pod.WithNodeSelector(pairs(p.NodeSelector)))
	return pod
}

// withScheduling adds the scheduling and image pull options, which the daemon's pod
// and the prune pods share.
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

// container returns the daemon's container. It sets no pull policy: the default is
// Always for :latest, and IfNotPresent for other tags.
func (p plan) container() *applycore.ContainerApplyConfiguration {
	container := applycore.Container().
		WithName(ContainerName).
		WithImage(p.Image).
		WithCommand(runScript(startScriptName, p.startArgs()...)...).
		WithArgs(p.dockerdArgs()...).
		WithEnv(p.env()...).
		WithPorts(applycore.ContainerPort().
			WithName(PortName).WithContainerPort(Port(p.TLS)).WithProtocol(corev1.ProtocolTCP).
			WithHostPort(0)). // with hostNetwork, the API server sets it, and it would stay
		WithSecurityContext(applycore.SecurityContext().WithPrivileged(true)).
		WithVolumeMounts(applycore.VolumeMount().WithName(VolumeName).WithMountPath(DataRoot))
	for _, name := range unique(p.EnvFromSecrets) {
		container.WithEnvFrom(applycore.EnvFromSource().WithSecretRef(applycore.SecretEnvSource().WithName(name)))
	}
	requests := resourceList(request(p.CPURequest, DefaultCPURequest, p.CPULimit), request(p.MemoryRequest, DefaultMemoryRequest, p.MemoryLimit))
	limits := resourceList(p.CPULimit, p.MemoryLimit)
	if requests != nil || limits != nil {
		container.WithResources(&applycore.ResourceRequirementsApplyConfiguration{Requests: requests, Limits: limits})
	}
	return p.withProbes(container)
}

// startArgs returns the arguments of start.sh before the daemon's flags. An absolute
// cache limit may use as much of the file system as a percentage.
func (p plan) startArgs() []string {
	onNode := p.HighWater
	if onNode == DefaultHighWater {
		onNode = NodeHighWater
	}
	share := int64(maxCachePercent)
	if limit, _ := ParseCacheLimit(p.CacheLimit); limit.Percent > 0 {
		share = limit.Percent
	}
	return []string{p.MTU, p.pools(), strings.TrimSuffix(p.HighWater, "%"), strings.TrimSuffix(onNode, "%"), strconv.FormatInt(share, 10)}
}

// withProbes adds the startup and readiness probes. There is no liveness probe: it
// would restart a daemon that is slow under load, which aborts every build.
//
// With TLS the probes use the socket, because neither the pod nor the kubelet has a
// client certificate. The daemon opens all listeners before it responds on any.
func (p plan) withProbes(container *applycore.ContainerApplyConfiguration) *applycore.ContainerApplyConfiguration {
	address := fmt.Sprintf("tcp://127.0.0.1:%d", PlainPort)
	readiness := applycore.Probe().
		// NetworkPolicies always allow the kubelet of the pod's node.
		WithHTTPGet(applycore.HTTPGetAction().WithPath("/_ping").WithPort(intstr.FromString(PortName)))
	if p.TLS {
		address = socket
		readiness = applycore.Probe().WithExec(applycore.ExecAction().WithCommand("docker", "-H", socket, "version"))
	}
	return container.
		// Each attempt takes 40 to 60 s: 30 attempts give a daemon with a large data
		// root at least 20 minutes.
		WithStartupProbe(applycore.Probe().
			WithExec(applycore.ExecAction().WithCommand(runScript(awaitScriptName, address)...)).
			WithPeriodSeconds(1).WithTimeoutSeconds(60).WithFailureThreshold(30)).
		WithReadinessProbe(readiness.
			WithPeriodSeconds(10).WithTimeoutSeconds(5).WithFailureThreshold(3))
}

// dockerdArgs returns the daemon's flags. Without TLS, --tls=false skips the 15 s for
// which dockerd sleeps to warn about an insecure port (--tlsverify=false would enable
// TLS). With TLS the image's entrypoint adds the flags. DockerdArgs come last, because
// the last of two equal flags applies.
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

// env returns the daemon's environment. If DOCKER_TLS_CERTDIR is set, the image's
// entrypoint listens on 2376 with the certificates in that directory; if it is empty,
// on 2375 without TLS.
func (p plan) env() []*applycore.EnvVarApplyConfiguration {
	env := []*applycore.EnvVarApplyConfiguration{
		variable(certDirVariable, ""),
		// With the version, which is a default: the field is one value to server-side apply.
		applycore.EnvVar().WithName(nodeAddressEnv).WithValueFrom(applycore.EnvVarSource().
			WithFieldRef(applycore.ObjectFieldSelector().WithAPIVersion("v1").WithFieldPath("status.hostIP"))),
	}
	if p.TLS {
		env[0].WithValue(certDir)
	}
	if p.StorageDriver != "" {
		// dockerd prefers it to the flag and daemon.json.
		env = append(env, variable("DOCKER_DRIVER", p.StorageDriver))
	}
	if age := p.maxContainerAge(); age != "" {
		env = append(env, variable("DINDCTL_MAX_CONTAINER_AGE", age)) // for guard.sh
	}
	if p.PublishPorts != "" {
		env = append(env, variable(publishVariable, p.PublishPorts))
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

// request returns the request that an option asks for, "" for none. The default is at most
// the limit.
func request(value, fallback, limit string) string {
	switch {
	case value == NoRequest:
		return ""
	case value != "":
		return value
	case limit != "":
		if most := resource.MustParse(limit); most.Cmp(resource.MustParse(fallback)) < 0 {
			return limit
		}
	}
	return fallback
}

// resourceList returns nil if both are empty.
func resourceList(cpu, memory string) *corev1.ResourceList {
	list := corev1.ResourceList{}
	if cpu != "" {
		list[corev1.ResourceCPU] = resource.MustParse(cpu)
	}
	if memory != "" {
		list[corev1.ResourceMemory] = resource.MustParse(memory)
	}
	if len(list) == 0 {
		return nil
	}
	return &list
}
