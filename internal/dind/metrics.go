package dind

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applymeta "k8s.io/client-go/applyconfigurations/meta/v1"
	applynetworking "k8s.io/client-go/applyconfigurations/networking/v1"
)

// MetricsPort is the port of the daemon's pod on which the container MetricsContainerName
// serves the metrics, as MetricsPath.
const (
	MetricsPort          = 9323
	MetricsPath          = "/metrics"
	MetricsPortName      = "metrics"
	MetricsContainerName = "metrics"
)

const (
	// engineMetrics is where dockerd serves its own metrics. Only the pod reaches it.
	engineMetricsHost = "127.0.0.1"
	engineMetricsPort = 9324

	pageScriptName    = "page.sh"
	metricsVolumeName = "docker-dind-metrics-vol"
	metricsPath       = "/run/dindctl/metrics"
	nobody            = 65534
)

// PodServesMetrics reports whether such a pod has the container MetricsContainerName.
func PodServesMetrics(pod corev1.PodSpec) bool {
	return slices.ContainsFunc(pod.InitContainers, func(c corev1.Container) bool { return c.Name == MetricsContainerName })
}

func (o Options) checkMetrics(errs *OptionErrors) {
	const namespace, label = "--metrics-namespace", "--metrics-label"
	checkMarks(errs, label, o.MetricsLabels, true)
	if len(o.MetricsLabels) > 0 && !o.Metrics {
		errs.add(label, strings.Join(o.MetricsLabels, ","), "has no effect without --metrics", "Add --metrics.")
	}
	if ports, err := ParsePortRange(o.PublishPorts); err == nil && o.Metrics && (ports.contains(MetricsPort) || ports.contains(engineMetricsPort)) {
		errs.add("--publish-ports", o.PublishPorts, fmt.Sprintf("contains %d or %d, a port of --metrics", MetricsPort, engineMetricsPort), "Use another range.")
	}
	if o.MetricsNamespace == "" {
		return
	}
	*errs = append(*errs, CheckNamespace(namespace, o.MetricsNamespace)...)
	switch {
	case !o.Metrics:
		errs.add(namespace, o.MetricsNamespace, "has no effect without --metrics", "Add --metrics.")
	case o.NoNetworkPolicy:
		errs.add(namespace, o.MetricsNamespace, "has no effect with --no-network-policy",
			"Without a NetworkPolicy every pod in the cluster can read the metrics. "+omitOne)
	}
}

// withMetrics adds the container that serves the metrics: what dockerd measures of itself,
// and what guard.sh writes to a volume in memory, so that a full disk shows. It is a sidecar
// container, which runs until the daemon has ended: a drain shows, too. See
// https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
func (p plan) withMetrics(pod *applycore.PodSpecApplyConfiguration) {
	if !p.Metrics {
		return
	}
	volume := func() *applycore.VolumeMountApplyConfiguration {
		return applycore.VolumeMount().WithName(metricsVolumeName).WithMountPath(metricsPath)
	}
	pod.Containers[0].WithVolumeMounts(volume())
	pod.WithVolumes(applycore.Volume().WithName(metricsVolumeName).WithEmptyDir(
		applycore.EmptyDirVolumeSource().WithMedium(corev1.StorageMediumMemory).WithSizeLimit(resource.MustParse("1Mi"))))
	// Requests that equal the limits let the pod be Guaranteed.
	resources := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("32Mi")}
	pod.WithInitContainers(applycore.Container().
		WithName(MetricsContainerName).
		WithImage(p.Image).
		WithRestartPolicy(corev1.ContainerRestartPolicyAlways).
		WithCommand(runScript(pageScriptName, strconv.Itoa(MetricsPort), strconv.Itoa(engineMetricsPort), strconv.Itoa(int(Port(p.TLS))))...).
		WithPorts(applycore.ContainerPort().WithName(MetricsPortName).WithContainerPort(MetricsPort).WithProtocol(corev1.ProtocolTCP)).
		WithResources(&applycore.ResourceRequirementsApplyConfiguration{Requests: &resources, Limits: &resources}).
		WithSecurityContext(applycore.SecurityContext().
			WithRunAsNonRoot(true).WithRunAsUser(nobody).WithRunAsGroup(nobody).
			WithAllowPrivilegeEscalation(false).WithReadOnlyRootFilesystem(true).
			WithCapabilities(applycore.Capabilities().WithDrop("ALL")).
			WithSeccompProfile(applycore.SeccompProfile().WithType(corev1.SeccompProfileTypeRuntimeDefault))).
		WithVolumeMounts(
			volume().WithReadOnly(true),
			applycore.VolumeMount().WithName(ConfigVolumeName).WithMountPath(scriptsPath).WithReadOnly(true)))
}

// metricsRule returns the rule of the NetworkPolicy that lets Prometheus in.
func (p plan) metricsRule() *applynetworking.NetworkPolicyIngressRuleApplyConfiguration {
	from := applynetworking.NetworkPolicyPeer().WithPodSelector(applymeta.LabelSelector())
	if p.MetricsNamespace != "" {
		from = namespacePeer(p.MetricsNamespace)
	}
	return applynetworking.NetworkPolicyIngressRule().WithFrom(from).WithPorts(
		applynetworking.NetworkPolicyPort().WithProtocol(corev1.ProtocolTCP).WithPort(intstr.FromInt32(MetricsPort)))
}
