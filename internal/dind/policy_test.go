package dind

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestPolicyOpens(t *testing.T) {
	named := func(names ...string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpIn, Values: names}}}
	}
	from := func(peers ...networkingv1.NetworkPolicyPeer) []networkingv1.NetworkPolicyIngressRule {
		return []networkingv1.NetworkPolicyIngressRule{{From: peers}}
	}
	onPort := func(port intstr.IntOrString, end int32, protocol corev1.Protocol) []networkingv1.NetworkPolicyIngressRule {
		rule := networkingv1.NetworkPolicyPort{Port: &port, Protocol: &protocol}
		if end != 0 {
			rule.EndPort = &end
		}
		return []networkingv1.NetworkPolicyIngressRule{{Ports: []networkingv1.NetworkPolicyPort{rule}}}
	}
	for _, test := range []struct {
		name  string
		rules []networkingv1.NetworkPolicyIngressRule
		spec  networkingv1.NetworkPolicySpec // without the rules
		want  string
	}{
		{"no rules", nil, networkingv1.NetworkPolicySpec{}, ""},
		{"everybody", from(), networkingv1.NetworkPolicySpec{}, "everybody"},
		{"everybody, by egress rules", from(), networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}}, ""},
		{"other pods", from(), networkingv1.NetworkPolicySpec{PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}}, ""},
		{"this pod", from(), networkingv1.NetworkPolicySpec{PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "d"}}}, "everybody"},
		{"pods of this namespace", from(networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{}}), networkingv1.NetworkPolicySpec{}, ""},
		{"this namespace by name", from(networkingv1.NetworkPolicyPeer{NamespaceSelector: named("ci")}), networkingv1.NetworkPolicySpec{}, ""},
		{"an allowed namespace", from(networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: "jobs"}}}), networkingv1.NetworkPolicySpec{}, ""},
		{"another namespace", from(networkingv1.NetworkPolicyPeer{NamespaceSelector: named("jobs", "web", "db")}), networkingv1.NetworkPolicySpec{}, "pods in namespace web, db"},
		{"all namespaces", from(networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{}}), networkingv1.NetworkPolicySpec{}, "pods in all namespaces"},
		{"namespaces by label", from(networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "x"}}}), networkingv1.NetworkPolicySpec{}, "pods in namespaces with team=x"},
		{"addresses", from(networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: "10.0.0.0/8"}}, networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{}}), networkingv1.NetworkPolicySpec{}, "the addresses 10.0.0.0/8"},
		{"another port", onPort(intstr.FromInt32(9323), 0, corev1.ProtocolTCP), networkingv1.NetworkPolicySpec{}, ""},
		{"the port of TLS", onPort(intstr.FromInt32(2376), 0, corev1.ProtocolTCP), networkingv1.NetworkPolicySpec{}, ""},
		{"the port by name", onPort(intstr.FromString(PortName), 0, corev1.ProtocolTCP), networkingv1.NetworkPolicySpec{}, "everybody"},
		{"a range", onPort(intstr.FromInt32(2000), 3000, corev1.ProtocolTCP), networkingv1.NetworkPolicySpec{}, "everybody"},
		{"a range below", onPort(intstr.FromInt32(2000), 2374, corev1.ProtocolTCP), networkingv1.NetworkPolicySpec{}, ""},
		{"UDP", onPort(intstr.FromInt32(2375), 0, corev1.ProtocolUDP), networkingv1.NetworkPolicySpec{}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			policy := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "ci"}, Spec: test.spec}
			policy.Spec.Ingress = test.rules
			if got := PolicyOpens(policy, map[string]string{"app": "d"}, PlainPort, []string{"jobs"}); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// The policy of an installation opens nothing more than its options allow.
func TestOwnPolicyOpensNothing(t *testing.T) {
	o := Defaults()
	o.AllowNamespaces, o.PublishPorts = []string{"jobs", "more"}, "20000-29999"
	manifests, err := mustBuild(t, installation{options: o}).YAML()
	if err != nil {
		t.Fatal(err)
	}
	own := decode(t, manifests).policy
	if got := PolicyOpens(own, Selector(o.Name), PlainPort, o.AllowNamespaces); got != "" {
		t.Errorf("got %q", got)
	}
	if got := PolicyOpens(own, Selector(o.Name), PlainPort, nil); got != "pods in namespace jobs, pods in namespace more" {
		t.Errorf("with fewer namespaces: got %q", got)
	}
	if got := PolicyNamespaces(own); !slices.Equal(got, o.AllowNamespaces) {
		t.Errorf("got %q", got)
	}
}

func TestPodExposedBy(t *testing.T) {
	withPort := corev1.PodSpec{Containers: []corev1.Container{{Ports: []corev1.ContainerPort{{ContainerPort: 2375, HostPort: 2375}}}}}
	for _, test := range []struct {
		pod  corev1.PodSpec
		want []string
	}{
		{corev1.PodSpec{}, nil},
		{corev1.PodSpec{HostNetwork: true, HostPID: true, HostIPC: true}, []string{"hostNetwork", "hostPID", "hostIPC"}},
		{withPort, []string{"hostPort 2375"}},
	} {
		if got := PodExposedBy(test.pod); !slices.Equal(got, test.want) {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestExposedBy(t *testing.T) {
	for want, spec := range map[string]corev1.ServiceSpec{
		"":                    {Type: corev1.ServiceTypeClusterIP},
		"is of type NodePort": {Type: corev1.ServiceTypeNodePort},
		"has the external IPs 203.0.113.7 and is of type LoadBalancer": {Type: corev1.ServiceTypeLoadBalancer, ExternalIPs: []string{"203.0.113.7"}},
	} {
		if got := ExposedBy(&corev1.Service{Spec: spec}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
