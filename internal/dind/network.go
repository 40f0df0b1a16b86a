package dind

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applymeta "k8s.io/client-go/applyconfigurations/meta/v1"
	applynetworking "k8s.io/client-go/applyconfigurations/networking/v1"
)

// service is the address that jobs use. It has an address of its own and is
// not headless, so that a job's DNS answer outlives the daemon's pod.
func (p plan) service() *applycore.ServiceApplyConfiguration {
	return applycore.Service(p.Name, p.Namespace).
		WithLabels(p.labels()).
		WithSpec(applycore.ServiceSpec().
			WithType(corev1.ServiceTypeClusterIP).
			WithSelector(p.traffic).
			// Ports merge by port and protocol: the protocol must be there.
			WithPorts(applycore.ServicePort().
				WithName(PortName).WithPort(port(p.TLS)).
				WithProtocol(corev1.ProtocolTCP).WithTargetPort(intstr.FromString(PortName))))
}

// networkPolicy lets in the pods of this namespace and of those allowed, to the
// daemon's port only: whoever reaches it is root on the node.
func (p plan) networkPolicy() *applynetworking.NetworkPolicyApplyConfiguration {
	from := []*applynetworking.NetworkPolicyPeerApplyConfiguration{
		applynetworking.NetworkPolicyPeer().WithPodSelector(applymeta.LabelSelector()),
	}
	for _, namespace := range unique(p.AllowNamespaces) {
		from = append(from, applynetworking.NetworkPolicyPeer().WithNamespaceSelector(
			// The API server sets this label, so nobody can borrow the name.
			applymeta.LabelSelector().WithMatchLabels(map[string]string{corev1.LabelMetadataName: namespace})))
	}
	return applynetworking.NetworkPolicy(p.Name, p.Namespace).
		WithLabels(p.labels()).
		WithSpec(applynetworking.NetworkPolicySpec().
			WithPodSelector(applymeta.LabelSelector().WithMatchLabels(p.traffic)).
			WithPolicyTypes(networkingv1.PolicyTypeIngress).
			WithIngress(applynetworking.NetworkPolicyIngressRule().
				WithFrom(from...).
				WithPorts(applynetworking.NetworkPolicyPort().
					WithProtocol(corev1.ProtocolTCP).WithPort(intstr.FromInt32(port(p.TLS))))))
}

// unique leaves out what was given before, and keeps the order.
func unique(values []string) []string {
	var kept []string
	seen := map[string]bool{}
	for _, v := range values {
		if !seen[v] {
			kept = append(kept, v)
		}
		seen[v] = true
	}
	return kept
}
