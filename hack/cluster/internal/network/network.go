// Package network creates the node's network namespace, which one veth pair
// connects to the machine. Nothing else of the machine's network changes.
package network

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// The addresses come from the block reserved for benchmarks (RFC 2544), which
// no real network routes. The pod interface's MTU differs from the 1500 that
// a Docker bridge assumes, as it does on most overlay networks.
const (
	Namespace   = "dindctl"
	hostSide    = "dindctl0"
	nodeSide    = "eth0"
	link        = "198.18.77.0/30"
	hostAddress = "198.18.77.1"
	NodeAddress = "198.18.77.2"
	Pods        = "10.244.0.0/16" // of all nodes
	NodePods    = "10.244.0.0/24"
	Services    = "10.96.0.0/16"
	PodMTU      = 1450
)

// File is the path by which a process enters the namespace.
const File = "/run/netns/" + Namespace

// Exists reports whether the namespace and its link exist.
func Exists() bool {
	_, err := os.Stat(File)
	return err == nil && linked()
}

// linked reports whether the machine's end of the veth pair exists.
func linked() bool {
	_, err := net.InterfaceByName(hostSide)
	return err == nil
}

// Up creates the namespace unless it exists.
func Up() error {
	if Exists() {
		return nil
	}
	if err := unused(); err != nil {
		return err
	}
	if err := Down(); err != nil { // half of an earlier attempt
		return err
	}
	return run(
		"ip netns add "+Namespace,
		"ip link add "+hostSide+" type veth peer name "+nodeSide+" netns "+Namespace,
		"ip address add "+hostAddress+"/30 dev "+hostSide,
		"ip link set "+hostSide+" up",
		// Pods reach servers of tests that listen on the machine.
		"ip route add "+Pods+" via "+NodeAddress,
		"ip -n "+Namespace+" link set lo up",
		"ip -n "+Namespace+" address add "+NodeAddress+"/30 dev "+nodeSide,
		"ip -n "+Namespace+" link set "+nodeSide+" up",
		// kubelet and the API server look for the default route's address.
		"ip -n "+Namespace+" route add default via "+hostAddress,
		inside("echo 1 > /proc/sys/net/ipv4/ip_forward"),
		// Pods on one bridge must meet the Service rules on their way to each other.
		inside("modprobe br_netfilter 2>/dev/null; echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables"),
		inside("nft -f - <<'RULES'\n"+fence+"RULES"),
	)
}

// fence keeps every packet on this machine: a pull of an image that the cluster's
// registry does not have must fail at once, whatever the network outside does.
const fence = `table ip dindctl_fence {
	chain output {
		type filter hook output priority 10; policy accept;
		oifname "` + nodeSide + `" ip daddr != ` + link + ` reject
	}
	chain forward {
		type filter hook forward priority 10; policy accept;
		oifname "` + nodeSide + `" ip daddr != ` + link + ` reject
	}
}
`

// unused returns an error if the link's addresses are in use on the machine.
func unused() error {
	interfaces, err := net.Interfaces()
	if err != nil {
		return fmt.Errorf("listing network interfaces: %w", err)
	}
	ours := netip.MustParsePrefix(link)
	for _, i := range interfaces {
		addresses, err := i.Addrs()
		if err != nil || i.Name == hostSide {
			continue
		}
		for _, address := range addresses {
			if prefix, err := netip.ParsePrefix(address.String()); err == nil && prefix.Bits() > 0 && prefix.Overlaps(ours) {
				return fmt.Errorf("interface %s has %s, which overlaps the cluster's link %s: take the interface down, or change the address in hack/cluster/internal/network", i.Name, prefix, link)
			}
		}
	}
	return nil
}

// Down removes the namespace with everything in it, and the veth pair if only that
// is left.
func Down() error {
	if _, err := os.Stat(File); err == nil {
		if err := run("ip netns delete " + Namespace); err != nil {
			return err
		}
	}
	if linked() {
		// The kernel may remove it in the meantime, with the other end.
		if err := run("ip link delete " + hostSide); err != nil && linked() {
			return err
		}
	}
	// ip mounts the directory onto itself for its first namespace, and keeps the
	// mount after the last one.
	directory := filepath.Dir(File)
	if names, err := os.ReadDir(directory); err == nil && len(names) == 0 {
		_ = syscall.Unmount(directory, 0)
		_ = os.Remove(directory)
	}
	return nil
}

func inside(script string) string {
	return "nsenter --net=" + File + " sh -c '" + strings.ReplaceAll(script, "'", `'\''`) + "'"
}

func run(commands ...string) error {
	for _, command := range commands {
		output, err := exec.Command("sh", "-c", command).CombinedOutput()
		if err != nil {
			return fmt.Errorf("setting up the network: %s: %w: %s", command, err, strings.TrimSpace(string(output)))
		}
	}
	return nil
}
