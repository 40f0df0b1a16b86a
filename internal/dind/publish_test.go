package dind

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// The name that env prints is the pod's, the daemon's own connections use other ports than
// those that the policy opens, and without the option the pod is as it was.
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
	if want := []corev1.Sysctl{{Name: "net.ipv4.ip_local_port_range", Value: "30000 65535"}}; !slices.Equal(pod.SecurityContext.Sysctls, want) {
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
	if spec := plain.deployment.Spec.Template.Spec; spec.SecurityContext != nil {
		t.Errorf("without the option: %+v", spec.SecurityContext)
	}
}

func TestOtherPorts(t *testing.T) {
	for given, want := range map[string]PortRange{
		"20000-20100": {20101, 65535}, "1024-2000": {10000, 65535}, "40000-60999": {10000, 39999}, "60000-65535": {10000, 59999},
	} {
		ports, err := ParsePortRange(given)
		if err != nil || ports.others() != want {
			t.Errorf("%s: %v, %v", given, ports.others(), err)
		}
	}
}

// Docker chooses from the range: it reads two numbers with a tab between them.
func TestPortsScript(t *testing.T) {
	for name, shell := range shells(t) {
		for _, test := range []struct {
			name, ports, mount string
			mounted            bool
			stderr             string
		}{
			{"no ports", "", "exit 1", false, ""},
			{"ports", "20000-29999", "exit 0", true, ""},
			{"a refused mount", "20000-29999", "exit 32", true, "Docker does not choose from 20000-29999"},
		} {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := newBox(t)
				b.stub("mount", test.mount)
				b.write("var/run/keep", "")
				b.write("etc/dindctl/ports.sh", b.move(scripts()["ports.sh"]))
				got := b.runText(shell, "set -u; . /etc/dindctl/ports.sh; echo done", []string{publishVariable + "=" + test.ports})
				if strings.TrimSpace(got.stdout) != "done" || !strings.Contains(got.stderr, test.stderr) || test.stderr == "" && got.stderr != "" {
					t.Errorf("stdout %q, stderr %q", got.stdout, got.stderr)
				}
				if !test.mounted {
					if calls := b.read("calls"); calls != "" {
						t.Errorf("calls %q", calls)
					}
					return
				}
				if ports := b.read("var/run/dindctl-ports"); ports != "20000\t29999\n" {
					t.Errorf("Docker reads %q", ports)
				}
				if want := "mount --bind " + b.root + "/var/run/dindctl-ports " + b.root + "/proc/sys/net/ipv4/ip_local_port_range"; !slices.Equal(got.calls, []string{want}) {
					t.Errorf("calls %q, want %q", got.calls, want)
				}
			})
		}
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
