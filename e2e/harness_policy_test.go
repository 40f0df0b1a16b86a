//go:build e2e

package e2e

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// peer is a client: a pod with labels in a namespace, or, without a namespace,
// an address outside the cluster.
type peer struct {
	namespace *corev1.Namespace
	labels    map[string]string
}

// admits reports whether the policies of a namespace allow the peer to reach a
// port of a pod, by the rules of the API: a pod that no policy selects is open;
// otherwise what any of its policies allows is allowed. It supports only what
// the policies under test may use, and fails the test otherwise. See
// https://kubernetes.io/docs/concepts/services-networking/network-policies/
func admits(t *testing.T, policies []networkingv1.NetworkPolicy, pod *corev1.Pod, from peer, port int32) bool {
	t.Helper()
	isolated := false
	for _, policy := range policies {
		if policy.Namespace != pod.Namespace || !selects(t, &policy.Spec.PodSelector, pod.Labels) {
			continue
		}
		for _, direction := range policy.Spec.PolicyTypes {
			isolated = isolated || direction == networkingv1.PolicyTypeIngress
		}
		for _, rule := range policy.Spec.Ingress {
			if portAllowed(t, rule.Ports, port) && peerAllowed(t, rule.From, policy.Namespace, from) {
				return true
			}
		}
	}
	return !isolated
}

func portAllowed(t *testing.T, ports []networkingv1.NetworkPolicyPort, port int32) bool {
	t.Helper()
	for _, p := range ports {
		if p.EndPort != nil || p.Port == nil || p.Port.Type != intstr.Int || p.Protocol == nil || *p.Protocol != corev1.ProtocolTCP {
			t.Fatalf("this test cannot evaluate the port: %+v", p)
		}
		if p.Port.IntVal == port {
			return true
		}
	}
	return len(ports) == 0
}

func peerAllowed(t *testing.T, peers []networkingv1.NetworkPolicyPeer, home string, from peer) bool {
	t.Helper()
	for _, p := range peers {
		if p.IPBlock != nil {
			t.Fatalf("this test cannot evaluate the peer: %+v", p)
		}
		if from.namespace == nil {
			continue
		}
		inNamespace := from.namespace.Name == home
		if p.NamespaceSelector != nil {
			inNamespace = selects(t, p.NamespaceSelector, from.namespace.Labels)
		}
		if inNamespace && (p.PodSelector == nil || selects(t, p.PodSelector, from.labels)) {
			return true
		}
	}
	return len(peers) == 0
}

func selects(t *testing.T, selector *metav1.LabelSelector, set map[string]string) bool {
	t.Helper()
	return got[labels.Selector](t)(metav1.LabelSelectorAsSelector(selector)).Matches(labels.Set(set))
}
