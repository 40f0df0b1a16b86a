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

// peer is who wants to connect: a pod with labels in a namespace, or, without a
// namespace, an address outside of the cluster.
type peer struct {
	namespace *corev1.Namespace
	labels    map[string]string
}

// admits tells whether the policies of a namespace let the peer reach the port
// of one of its pods, by the rules of the API: a pod that no policy selects is
// open, one that some select takes what any of them allows. Only what the
// policies under test may use is known; all else fails the test. See
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
			t.Fatalf("a port that this test cannot judge: %+v", p)
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
			t.Fatalf("a peer that this test cannot judge: %+v", p)
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

// checkPolicy judges who may reach the daemon, from the objects as the API
// server holds them: the policies, the namespaces with their labels, the pod.
func checkPolicy(t *testing.T, i *installation, allowed string) {
	stranger := inNewNamespace(t, map[string]string{"app": i.name, "team": "ci"})
	namespaces := env.cluster.CoreV1().Namespaces()
	namespace := func(name string) *corev1.Namespace {
		return got[*corev1.Namespace](t)(namespaces.Get(t.Context(), name, metav1.GetOptions{}))
	}
	// The name that the policy goes by cannot be borrowed.
	forged := namespace(stranger.namespace)
	forged.Labels[corev1.LabelMetadataName] = allowed
	if changed, err := namespaces.Update(t.Context(), forged, metav1.UpdateOptions{}); err == nil && changed.Labels[corev1.LabelMetadataName] != stranger.namespace {
		t.Errorf("a namespace took the name of another: %v", changed.Labels)
	}

	policies := got[*networkingv1.NetworkPolicyList](t)(env.cluster.NetworkingV1().NetworkPolicies(i.namespace).List(t.Context(), metav1.ListOptions{})).Items
	daemon := i.pod(t)
	job := jobPod(i.image, nil, "true").Labels
	home, friend, foe, system := namespace(i.namespace), namespace(allowed), namespace(stranger.namespace), namespace("kube-system")
	like := daemon.Labels // who looks like the daemon is no more trusted for it
	who := []struct {
		name string
		from peer
		port int32
		may  bool
	}{
		{"a job beside it", peer{home, job}, 2375, true},
		{"the clean-up", peer{home, map[string]string{"app.kubernetes.io/component": "clear-cache"}}, 2375, true},
		{"a job of the allowed namespace", peer{friend, job}, 2375, true},
		{"a job beside it, another port", peer{home, job}, 9323, false},
		{"a job beside it, the port of TLS", peer{home, job}, 2376, false},
		{"an allowed one, another port", peer{friend, job}, 22, false},
		{"a pod of another namespace", peer{foe, job}, 2375, false},
		{"one that looks like the daemon", peer{foe, like}, 2375, false},
		{"a pod of kube-system", peer{system, job}, 2375, false},
		{"an address outside", peer{}, 2375, false},
	}
	for _, one := range who {
		if may := admits(t, policies, daemon, one.from, one.port); may != one.may {
			t.Errorf("%s, port %d: admitted %v, want %v", one.name, one.port, may, one.may)
		}
	}
	// The judge itself: without a policy everybody may, and one that says
	// nothing of who lets in everybody.
	if !admits(t, nil, daemon, peer{foe, job}, 2375) {
		t.Error("without a policy a stranger is kept out")
	}
	open := []networkingv1.NetworkPolicy{*policies[0].DeepCopy()}
	open[0].Spec.Ingress[0].From = nil
	if !admits(t, open, daemon, peer{}, 2375) || admits(t, open, daemon, peer{}, 22) {
		t.Error("a policy for everybody is not understood")
	}
	// It is about the daemon: nothing else in the namespace is cut off.
	for _, other := range []map[string]string{job, {"app": "another"}, {"app.kubernetes.io/component": "clear-cache"}} {
		bystander := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: i.namespace, Labels: other}}
		if !admits(t, policies, bystander, peer{foe, job}, 80) {
			t.Errorf("the policy cuts off a pod with the labels %v", other)
		}
	}
	for _, object := range decode[status](t, succeed(t, i.command("status", "-o", "json")...)).Objects {
		if object.Kind == "NetworkPolicy" {
			equal(t, "status", object.State+": "+object.Detail, "Created: enforcement depends on the network plugin")
		}
	}
}
