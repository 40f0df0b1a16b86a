package dind

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applynetworking "k8s.io/client-go/applyconfigurations/networking/v1"
)

// PortRange is a range of ports, with both ends.
type PortRange struct{ First, Last int32 }

const (
	// Below are ports for which programs need a privilege.
	firstPublishable, lastPublishable = 1024, 65535
	// firstLocal is from where the daemon's own connections, such as pulls, may get their
	// local ports, and minLocal how many they need.
	firstLocal, minLocal = 10000, 1000
	// publishVariable tells ports.sh the range.
	publishVariable = "DINDCTL_PUBLISH_PORTS"
)

// ParsePortRange parses FROM-TO as --publish-ports takes it.
func ParsePortRange(s string) (PortRange, error) {
	from, to, _ := strings.Cut(s, "-")
	first, err := strconv.ParseUint(from, 10, 16)
	last, errLast := strconv.ParseUint(to, 10, 16)
	ports := PortRange{First: int32(first), Last: int32(last)}
	switch {
	case errors.Join(err, errLast) != nil || first > last:
		return PortRange{}, fmt.Errorf("is not a range of ports up to %d", lastPublishable)
	case first < firstPublishable:
		return PortRange{}, fmt.Errorf("begins below %d", firstPublishable)
	case ports.contains(PlainPort) || ports.contains(TLSPort):
		return PortRange{}, fmt.Errorf("contains %d or %d, the daemon's own ports", PlainPort, TLSPort)
	case ports.others().size() < minLocal:
		return PortRange{}, fmt.Errorf("leaves fewer than %d ports for the daemon's own connections", minLocal)
	}
	return ports, nil
}

// others returns the ports for the daemon's own connections: the larger of the ranges
// below and above.
func (r PortRange) others() PortRange {
	below, above := PortRange{firstLocal, r.First - 1}, PortRange{max(firstLocal, r.Last+1), lastPublishable}
	if below.size() > above.size() {
		return below
	}
	return above
}

func (r PortRange) size() int32 { return r.Last - r.First + 1 }

func (r PortRange) contains(port int32) bool { return r.First <= port && port <= r.Last }

func (o Options) checkPublishPorts(errs *OptionErrors) {
	if o.PublishPorts == "" {
		return
	}
	if _, err := ParsePortRange(o.PublishPorts); err != nil {
		errs.add("--publish-ports", o.PublishPorts, err.Error(), "Use FROM-TO, for example 20000-29999.")
	}
	if o.hasArg("--userns-remap") {
		// The kernel then refuses to mount /proc in containers, because ports.sh hides a
		// part of the daemon's.
		errs.add("--publish-ports", o.PublishPorts, "conflicts with --dockerd-arg=--userns-remap", omitOne)
	}
}

// PodHost returns the name of the daemon's pod, which resolves only while the pod is ready
// and not stopping. Jobs reach the ports that they publish there, because a Service would
// have to list each port.
func PodHost(namespace, name string) string {
	return fmt.Sprintf("%s.%s.%s.svc", name, PodsServiceName(name), namespace)
}

// withPublishedPorts keeps the daemon's own connections out of PublishPorts.
func (p plan) withPublishedPorts(pod *applycore.PodSpecApplyConfiguration) {
	if p.PublishPorts == "" {
		return
	}
	ports, _ := ParsePortRange(p.PublishPorts) // validated
	pod.WithSecurityContext(applycore.PodSecurityContext().WithSysctls(
		// One of the sysctls that every kubelet allows.
		applycore.Sysctl().WithName("net.ipv4.ip_local_port_range").WithValue(fmt.Sprintf("%d %d", ports.others().First, ports.others().Last))))
}

// publishedPolicyPorts returns what the NetworkPolicy opens besides the daemon's port.
func (p plan) publishedPolicyPorts() []*applynetworking.NetworkPolicyPortApplyConfiguration {
	if p.PublishPorts == "" {
		return nil
	}
	ports, _ := ParsePortRange(p.PublishPorts) // validated
	var open []*applynetworking.NetworkPolicyPortApplyConfiguration
	for _, protocol := range []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP} {
		open = append(open, applynetworking.NetworkPolicyPort().
			WithProtocol(protocol).WithPort(intstr.FromInt32(ports.First)).WithEndPort(ports.Last))
	}
	return open
}
