package dind

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// PolicyAllows reports whether the daemon's NetworkPolicy allows a pod without labels in
// that namespace to connect to the daemon's port. A nil policy allows all pods. A
// namespace selector matches only by name: other labels are unknown here. Another policy
// may allow more, and a network plugin may not enforce any.
func PolicyAllows(policy *networkingv1.NetworkPolicy, namespace string) bool {
	return policy == nil || slices.ContainsFunc(policy.Spec.Ingress, func(rule networkingv1.NetworkPolicyIngressRule) bool {
		return opensPort(rule.Ports, PlainPort, TLSPort) && (len(rule.From) == 0 || slices.ContainsFunc(rule.From, func(peer networkingv1.NetworkPolicyPeer) bool {
			return peer.IPBlock == nil && isPeer(peer, policy.Namespace, namespace)
		}))
	})
}

// PolicyOpens returns whom a NetworkPolicy allows to connect to that port of a pod with
// these labels in the policy's namespace, besides pods of that namespace and of the
// allowed ones: "everybody", for example. It returns "" if the policy allows nobody else.
// A namespace that is selected by other labels than its name counts as another one.
func PolicyOpens(policy *networkingv1.NetworkPolicy, podLabels map[string]string, port int32, allowed []string) string {
	ingress := len(policy.Spec.PolicyTypes) == 0 || slices.Contains(policy.Spec.PolicyTypes, networkingv1.PolicyTypeIngress)
	if !ingress || !matches(&policy.Spec.PodSelector, podLabels) {
		return ""
	}
	allowed = append(slices.Clone(allowed), policy.Namespace)
	var others []string
	for _, rule := range policy.Spec.Ingress {
		switch {
		case !opensPort(rule.Ports, port):
		case len(rule.From) == 0:
			return "everybody"
		default:
			for _, peer := range rule.From {
				if who := outsider(peer, allowed); who != "" {
					others = append(others, who)
				}
			}
		}
	}
	return strings.Join(unique(others), ", ")
}

// outsider describes a peer that is not only of the allowed namespaces; "" otherwise.
func outsider(peer networkingv1.NetworkPolicyPeer, allowed []string) string {
	switch {
	case peer.IPBlock != nil:
		return "the addresses " + peer.IPBlock.CIDR
	case peer.NamespaceSelector == nil:
		return ""
	}
	names, byName := namespacesOf(peer.NamespaceSelector)
	if !byName {
		if selector := metav1.FormatLabelSelector(peer.NamespaceSelector); !isEmptySelector(peer.NamespaceSelector) {
			return "pods in namespaces with " + selector
		}
		return "pods in all namespaces"
	}
	names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(allowed, name) })
	if len(names) == 0 {
		return ""
	}
	return "pods in namespace " + strings.Join(names, ", ")
}

func isEmptySelector(selector *metav1.LabelSelector) bool {
	return len(selector.MatchLabels) == 0 && len(selector.MatchExpressions) == 0
}

// namespacesOf returns the names of all namespaces that a selector can match; false if it
// does not restrict their names.
func namespacesOf(selector *metav1.LabelSelector) ([]string, bool) {
	if name, has := selector.MatchLabels[corev1.LabelMetadataName]; has {
		return []string{name}, true
	}
	for _, e := range selector.MatchExpressions {
		if e.Key == corev1.LabelMetadataName && e.Operator == metav1.LabelSelectorOpIn {
			return slices.Clone(e.Values), true
		}
	}
	return nil, false
}

// PolicyNamespaces returns the other namespaces that the daemon's NetworkPolicy lets connect to
// the daemon by name. The policy may be nil.
func PolicyNamespaces(policy *networkingv1.NetworkPolicy) (names []string) {
	if policy == nil {
		return nil
	}
	for _, rule := range policy.Spec.Ingress {
		if !opensPort(rule.Ports, PlainPort, TLSPort) {
			continue
		}
		for _, peer := range rule.From {
			if peer.NamespaceSelector != nil {
				more, _ := namespacesOf(peer.NamespaceSelector)
				names = append(names, more...)
			}
		}
	}
	return unique(names)
}

// opensPort reports whether the ports of a rule include one of these TCP ports.
func opensPort(ports []networkingv1.NetworkPolicyPort, wanted ...int32) bool {
	return len(ports) == 0 || slices.ContainsFunc(ports, func(p networkingv1.NetworkPolicyPort) bool {
		switch {
		case p.Protocol != nil && *p.Protocol != corev1.ProtocolTCP:
			return false
		case p.Port == nil:
			return true
		case p.Port.Type == intstr.String:
			return p.Port.StrVal == PortName
		}
		last := p.Port.IntVal
		if p.EndPort != nil {
			last = *p.EndPort
		}
		return slices.ContainsFunc(wanted, func(port int32) bool { return p.Port.IntVal <= port && port <= last })
	})
}

// isPeer reports whether the peer matches a pod without labels. Without a namespace
// selector the peer matches the policy's namespace only.
func isPeer(peer networkingv1.NetworkPolicyPeer, policyNamespace, namespace string) bool {
	if peer.NamespaceSelector == nil && namespace != policyNamespace {
		return false
	}
	return matches(peer.NamespaceSelector, map[string]string{corev1.LabelMetadataName: namespace}) &&
		matches(peer.PodSelector, nil)
}

// matches reports whether the selector matches the labels; nil matches all.
func matches(selector *metav1.LabelSelector, set map[string]string) bool {
	if selector == nil {
		return true
	}
	compiled, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && compiled.Matches(labels.Set(set))
}

// ExposedBy returns what makes the Service reachable from outside the cluster, or "".
func ExposedBy(service *corev1.Service) string {
	var by []string
	if len(service.Spec.ExternalIPs) > 0 {
		by = append(by, "has the external IPs "+strings.Join(service.Spec.ExternalIPs, ", "))
	}
	if service.Spec.Type != "" && service.Spec.Type != corev1.ServiceTypeClusterIP {
		by = append(by, fmt.Sprintf("is of type %s", service.Spec.Type))
	}
	return strings.Join(by, " and ")
}

// PodExposedBy returns the settings that give the daemon's pod the node's namespaces or
// open its port on the node: "hostNetwork", for example.
func PodExposedBy(pod corev1.PodSpec) (settings []string) {
	for _, setting := range []struct {
		name string
		set  bool
	}{{"hostNetwork", pod.HostNetwork}, {"hostPID", pod.HostPID}, {"hostIPC", pod.HostIPC}} {
		if setting.set {
			settings = append(settings, setting.name)
		}
	}
	for _, container := range pod.Containers {
		for _, port := range container.Ports {
			if port.HostPort != 0 && !pod.HostNetwork {
				settings = append(settings, fmt.Sprintf("hostPort %d", port.HostPort))
			}
		}
	}
	return settings
}

// ServesPort reports whether jobs reach that port of the Service, by TCP.
func ServesPort(service *corev1.Service, port int32) bool {
	return slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool {
		return p.Port == port && (p.Protocol == "" || p.Protocol == corev1.ProtocolTCP)
	})
}
