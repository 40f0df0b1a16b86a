package dind

import (
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applymeta "k8s.io/client-go/applyconfigurations/meta/v1"
	applynetworking "k8s.io/client-go/applyconfigurations/networking/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

// service returns the Service for jobs. It is not headless, so that the IP address
// that a job has resolved stays valid when the daemon's pod is replaced.
func (p plan) service() *applycore.ServiceApplyConfiguration {
	return applycore.Service(p.Name, p.Namespace).
		WithLabels(p.labels()).
		WithSpec(applycore.ServiceSpec().
			WithType(corev1.ServiceTypeClusterIP).
			WithSelector(p.traffic).
			// Sent although it is the default: while the daemon starts, no job may
			// reach it.
			WithPublishNotReadyAddresses(false).
			// Server-side apply merges ports by port and protocol: set the protocol.
			WithPorts(applycore.ServicePort().
				WithName(PortName).WithPort(Port(p.TLS)).
				WithProtocol(corev1.ProtocolTCP).WithTargetPort(intstr.FromString(PortName))))
}

// podsService returns the headless Service that gives the daemon's pod its name, which
// exists only while the pod is ready.
func (p plan) podsService() *applycore.ServiceApplyConfiguration {
	service := p.service()
	service.WithName(PodsServiceName(p.Name)).Spec.WithClusterIP(corev1.ClusterIPNone)
	return service
}

// networkPolicy allows pods of this namespace and of AllowNamespaces to connect to
// the daemon's port and to PublishPorts only: access to the daemon is root access to the
// node. With Metrics it also lets Prometheus in, to the metrics only.
func (p plan) networkPolicy() *applynetworking.NetworkPolicyApplyConfiguration {
	from := []*applynetworking.NetworkPolicyPeerApplyConfiguration{
		applynetworking.NetworkPolicyPeer().WithPodSelector(applymeta.LabelSelector()),
	}
	for _, namespace := range unique(p.AllowNamespaces) {
		from = append(from, namespacePeer(namespace))
	}
	ports := append([]*applynetworking.NetworkPolicyPortApplyConfiguration{
		applynetworking.NetworkPolicyPort().WithProtocol(corev1.ProtocolTCP).WithPort(intstr.FromInt32(Port(p.TLS))),
	}, p.publishedPolicyPorts()...)
	spec := applynetworking.NetworkPolicySpec().
		WithPodSelector(applymeta.LabelSelector().WithMatchLabels(p.traffic)).
		WithPolicyTypes(networkingv1.PolicyTypeIngress).
		WithIngress(applynetworking.NetworkPolicyIngressRule().
			WithFrom(from...).
			WithPorts(ports...))
	if p.Metrics {
		spec.WithIngress(p.metricsRule())
	}
	return applynetworking.NetworkPolicy(p.Name, p.Namespace).WithLabels(p.labels()).WithSpec(spec)
}

// namespacePeer returns all pods of a namespace. The API server sets the label, so nobody
// can fake the name.
func namespacePeer(namespace string) *applynetworking.NetworkPolicyPeerApplyConfiguration {
	return applynetworking.NetworkPolicyPeer().WithNamespaceSelector(
		applymeta.LabelSelector().WithMatchLabels(map[string]string{corev1.LabelMetadataName: namespace}))
}

// unique returns the values without duplicates, in order of first appearance.
func unique(values []string) (kept []string) {
	for _, v := range values {
		if !slices.Contains(kept, v) {
			kept = append(kept, v)
		}
	}
	return kept
}

// planSelector sets the labels that select the daemon's pod. The selector of a
// Deployment is immutable, so a live Deployment keeps its selector, and the pods get
// the labels that it requires.
func (p *plan) planSelector(errs *OptionErrors, live *appsv1.Deployment) {
	p.selector = &metav1.LabelSelector{MatchLabels: Selector(p.Name)}
	if live != nil && live.Spec.Selector != nil {
		p.selector = live.Spec.Selector
	}
	p.podLabels = pairs(p.PodLabels)
	maps.Copy(p.podLabels, p.labels())
	// The pods of older installations do not have it, and adding it would restart them.
	delete(p.podLabels, kube.OwnInstanceLabel)
	p.podLabels[ComponentLabel] = DaemonComponent
	maps.Copy(p.podLabels, p.selector.MatchLabels)
	for _, e := range p.selector.MatchExpressions {
		if _, ok := p.podLabels[e.Key]; !ok && e.Operator == metav1.LabelSelectorOpExists {
			p.podLabels[e.Key] = ""
		}
		if e.Operator == metav1.LabelSelectorOpIn && len(e.Values) > 0 {
			p.podLabels[e.Key] = e.Values[0]
		}
	}
	for key, value := range pairs(p.PodLabels) {
		if p.podLabels[key] != value {
			errs.add("--pod-label", key+"="+value, "conflicts with "+key+"="+p.podLabels[key]+", which the Deployment's selector requires", omitIt)
		}
	}
	p.traffic = trafficSelector(p.selector, p.podLabels, p.jobLabels())
	if !matches(p.selector, p.podLabels) {
		errs.add("--name", p.Name, "is the name of a Deployment whose selector does not allow dindctl's labels",
			"Choose another --name, or delete that Deployment; this does not delete its claim.")
	}
}

// trafficSelector returns a selector for the Service that matches the daemon's pod
// and never the pods of prune Jobs. If the Deployment's selector matches both, or if
// a Service cannot express it, the component label is added.
func trafficSelector(s *metav1.LabelSelector, podLabels, jobLabels map[string]string) map[string]string {
	traffic := maps.Clone(s.MatchLabels)
	if len(traffic) == 0 {
		traffic = map[string]string{AppLabel: podLabels[AppLabel]}
	}
	if len(s.MatchExpressions) > 0 || labels.SelectorFromSet(traffic).Matches(labels.Set(jobLabels)) {
		traffic[ComponentLabel] = podLabels[ComponentLabel]
	}
	return traffic
}

func applySelector(s *metav1.LabelSelector) *applymeta.LabelSelectorApplyConfiguration {
	apply := applymeta.LabelSelector().WithMatchLabels(s.MatchLabels)
	for _, e := range s.MatchExpressions {
		apply.WithMatchExpressions(applymeta.LabelSelectorRequirement().
			WithKey(e.Key).WithOperator(e.Operator).WithValues(e.Values...))
	}
	return apply
}
