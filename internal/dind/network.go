package dind

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
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

// Admits tells whether a NetworkPolicy of the daemon's lets a pod with these
// labels, in that namespace, reach the daemon's port. Without a policy all may.
// Other policies may let in more; and no policy does anything unless the
// network plugin enforces it.
//
// Of the namespace only its name is known here: a selector that asks for other
// labels of it does not match.
func Admits(policy *networkingv1.NetworkPolicy, namespace string, pod map[string]string) bool {
	if policy == nil {
		return true
	}
	for _, rule := range policy.Spec.Ingress {
		if !opensPort(rule.Ports) {
			continue
		}
		if len(rule.From) == 0 {
			return true
		}
		for _, peer := range rule.From {
			if peer.IPBlock == nil && isPeer(peer, policy.Namespace, namespace, pod) {
				return true
			}
		}
	}
	return false
}

func opensPort(ports []networkingv1.NetworkPolicyPort) bool {
	for _, p := range ports {
		switch {
		case p.Protocol != nil && *p.Protocol != corev1.ProtocolTCP:
		case p.Port == nil, *p.Port == intstr.FromInt32(PlainPort), *p.Port == intstr.FromInt32(TLSPort), *p.Port == intstr.FromString(PortName):
			return true
		}
	}
	return len(ports) == 0
}

// isPeer: a peer without a namespace selector means the policy's own namespace.
func isPeer(peer networkingv1.NetworkPolicyPeer, own, namespace string, pod map[string]string) bool {
	if peer.NamespaceSelector == nil && namespace != own {
		return false
	}
	return matches(peer.NamespaceSelector, map[string]string{corev1.LabelMetadataName: namespace}) &&
		matches(peer.PodSelector, pod)
}

// matches: no selector selects all here, as an empty one does.
func matches(selector *metav1.LabelSelector, of map[string]string) bool {
	if selector == nil {
		return true
	}
	compiled, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && compiled.Matches(labels.Set(of))
}
