package control

import (
	"path/filepath"

	"github.com/dindctl/dindctl/hack/cluster/internal/cgroup"
	"github.com/dindctl/dindctl/hack/cluster/internal/network"
	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
	"github.com/dindctl/dindctl/hack/cluster/internal/pki"
	"github.com/dindctl/dindctl/hack/cluster/internal/versions"
)

// CgroupLabel is the label of a node whose value is the version of its control
// groups, v1 or v2.
const CgroupLabel = "dindctl.test/cgroup"

// The names of the nodes.
const (
	FirstName  = "dindctl"
	SecondName = "dindctl-2"
)

// Node is a node of the cluster: what differs from one to another.
type Node struct {
	Name       string
	Address    string
	Pods       string // the addresses of its pods
	Config     string // the directory of its configuration files
	Storage    string // the directory of containerd's data
	CgroupRoot string
	Cgroup     string // the value of CgroupLabel
	// Identity names the kubelet's certificate and kubeconfig.
	Identity   string
	Kubernetes versions.Release
	// Taint keeps pods away that do not tolerate it.
	Taint bool
}

// First returns the node that runs on this machine.
func First(p paths.Paths, groups cgroup.Layout, kubernetes versions.Release) Node {
	version := "v1"
	if groups.Unified {
		version = "v2"
	}
	return Node{
		Name: FirstName, Address: network.NodeAddress, Pods: network.NodePods,
		Config: p.In("config"), Storage: p.In("containerd"),
		CgroupRoot: "/" + cgroup.Name, Cgroup: version,
		Identity: pki.KubeletServer, Kubernetes: kubernetes,
	}
}

// Second returns the node that runs in a virtual machine. It is slow, so only
// pods that tolerate its taint, whose key is CgroupLabel, are placed there.
func Second(p paths.Paths, kubernetes versions.Release) Node {
	return Node{
		Name: SecondName, Address: network.SecondAddress, Pods: network.SecondPods,
		Config: p.In("second", "config"), Storage: "/mnt/containerd",
		CgroupRoot: "/", Cgroup: "v2",
		Identity: "kubelet-2", Kubernetes: kubernetes,
		Taint: true,
	}
}

// Components returns the programs that each node runs.
func (n Node) Components(p paths.Paths, programs Programs) []Component {
	proxy := "nftables"
	if n.Kubernetes.Minor() < 31 {
		proxy = "iptables" // kube-proxy's default until 1.31
	}
	return []Component{
		{Name: "containerd", Program: "containerd", Config: "containerd.toml", Arguments: []string{
			"--config=" + filepath.Join(n.Config, "containerd.toml"),
		}},
		kubernetes(p, "kubelet", "kubelet.yaml",
			"--kubeconfig="+p.Kubeconfig(n.Identity),
			"--config="+filepath.Join(n.Config, "kubelet.yaml"),
			"--hostname-override="+n.Name,
			"--node-ip="+n.Address,
			"--node-labels="+CgroupLabel+"="+n.Cgroup,
		),
		kubernetes(p, "kube-proxy", "",
			"--kubeconfig="+p.Kubeconfig("kube-proxy"),
			"--proxy-mode="+proxy,
			"--cluster-cidr="+network.Pods,
			"--hostname-override="+n.Name,
			// The limits belong to the whole machine, not to the namespace.
			"--conntrack-max-per-core=0",
			"--conntrack-min=0",
			"--conntrack-tcp-timeout-established=0",
			"--conntrack-tcp-timeout-close-wait=0",
		),
	}
}
