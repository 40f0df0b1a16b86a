package dind

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// The name that env prints is the pod's, Docker chooses ports from the range that the
// policy opens, and without the option the pod is as it was.
func TestPublishedPorts(t *testing.T) {
	build := func(o Options) decoded {
		manifests, err := mustBuild(t, installation{options: o}).YAML()
		if err != nil {
			t.Fatal(err)
		}
		return decode(t, manifests)
	}
	o := with(func(o *Options) {
		o.Namespace, o.PublishPorts, o.AllowNamespaces = "ci", "20000-29999", []string{"jobs"}
	})
	d, plain := build(o), build(with(func(o *Options) { o.Namespace, o.AllowNamespaces = "ci", []string{"jobs"} }))

	pod := d.deployment.Spec.Template.Spec
	if name := pod.Hostname + "." + pod.Subdomain + "." + o.Namespace + ".svc"; name != AccessTo(o).Host {
		t.Errorf("the pod is %s, and env prints %s", name, AccessTo(o).Host)
	}
	if want := []corev1.Sysctl{{Name: "net.ipv4.ip_local_port_range", Value: "20000 29999"}}; !slices.Equal(pod.SecurityContext.Sysctls, want) {
		t.Errorf("sysctls %v", pod.SecurityContext.Sysctls)
	}
	open := func(protocol corev1.Protocol) networkingv1.NetworkPolicyPort {
		return networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: new(intstr.FromInt32(20000)), EndPort: new(int32(29999))}
	}
	want := plain.policy.Spec
	want.Ingress[0].Ports = append(want.Ingress[0].Ports, open(corev1.ProtocolTCP), open(corev1.ProtocolUDP))
	if diff := cmp.Diff(want, d.policy.Spec); diff != "" {
		t.Errorf("the policy differs in more than the ports:\n%s", diff)
	}
	if spec := plain.deployment.Spec.Template.Spec; spec.Hostname != "" || spec.Subdomain != "" || spec.SecurityContext != nil {
		t.Errorf("without the option: %+v", spec)
	}
}

// The headless Service is there with any options, and routes to the pods of the other one.
func TestPodsService(t *testing.T) {
	var services []string
	for _, object := range mustBuild(t, installation{options: Defaults()}) {
		if *object.GetKind() == "Service" {
			services = append(services, *object.GetName())
		}
	}
	if want := []string{"docker-dind-pods", "docker-dind"}; !slices.Equal(services, want) {
		t.Errorf("got %q", services)
	}
}
