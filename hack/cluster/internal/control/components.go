package control

import (
	"path/filepath"

	"github.com/dindctl/dindctl/hack/cluster/internal/network"
	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
	"github.com/dindctl/dindctl/hack/cluster/internal/versions"
)

// Programs are the paths of the built programs.
type Programs struct {
	Kube, CoreDNS, Registry string
	Kubernetes              versions.Release // the version of Kube
}

// Component is a program of the node.
type Component struct {
	Name      string
	Program   string
	Arguments []string
	Config    string // its configuration file, if it has one: a change restarts it
}

// proxyMode returns nftables, which kube-proxy has by default since 1.31.
func proxyMode(kubernetes versions.Release) string {
	if kubernetes.Minor() < 31 {
		return "iptables"
	}
	return "nftables"
}

// Components returns all programs in the order in which they start. Each waits for
// those that it needs, so none has to be healthy before the next one starts.
func Components(p paths.Paths, programs Programs) []Component {
	kubernetes := func(name, config string, arguments ...string) Component {
		return Component{Name: name, Program: filepath.Join(p.In("links"), name), Arguments: arguments, Config: config}
	}
	secret := func(name string) string { return p.In("pki", name) }
	client := func(name string) string { return "--kubeconfig=" + p.Kubeconfig(name) }

	return []Component{
		{Name: "registry", Program: programs.Registry, Arguments: []string{
			"--listen=" + Registry,
			"--images=" + p.Images,
			"--data=" + p.In("registry-data"),
			"--requests=" + p.In("registry-requests.log"),
		}},
		{Name: "etcd", Program: "etcd", Arguments: []string{
			"--name=" + NodeName,
			"--data-dir=" + p.In("etcd"),
			"--listen-client-urls=http://127.0.0.1:2379",
			"--advertise-client-urls=http://127.0.0.1:2379",
			"--listen-peer-urls=http://127.0.0.1:2380",
			"--initial-advertise-peer-urls=http://127.0.0.1:2380",
			"--initial-cluster=" + NodeName + "=http://127.0.0.1:2380",
			"--quota-backend-bytes=1073741824",
			"--logger=zap",
		}},
		{Name: "containerd", Program: "containerd", Config: "containerd.toml", Arguments: []string{
			"--config=" + p.In("config", "containerd.toml"),
		}},
		kubernetes("kube-apiserver", "audit-policy.yaml",
			"--etcd-servers=http://127.0.0.1:2379",
			"--advertise-address="+network.NodeAddress,
			"--secure-port=6443",
			"--tls-cert-file="+secret("apiserver.crt"),
			"--tls-private-key-file="+secret("apiserver.key"),
			"--client-ca-file="+secret("ca.crt"),
			"--token-auth-file="+secret("tokens.csv"),
			"--authorization-mode=Node,RBAC",
			"--enable-admission-plugins=NodeRestriction",
			"--allow-privileged=true",
			"--service-cluster-ip-range="+network.Services,
			"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
			"--service-account-key-file="+secret("service-account.pub"),
			"--service-account-signing-key-file="+secret("service-account.key"),
			"--kubelet-certificate-authority="+secret("ca.crt"),
			"--kubelet-client-certificate="+secret("apiserver-kubelet-client.crt"),
			"--kubelet-client-key="+secret("apiserver-kubelet-client.key"),
			"--kubelet-preferred-address-types=InternalIP",
			"--audit-policy-file="+p.In("config", "audit-policy.yaml"),
			"--audit-log-path="+p.In("audit.log"),
			"--audit-log-mode=blocking",
			"--audit-log-maxsize=500",
			"--audit-log-maxbackup=1",
		),
		kubernetes("kube-controller-manager", "",
			client("kube-controller-manager"),
			"--leader-elect=false",
			"--kube-api-qps=500", "--kube-api-burst=1000",
			"--use-service-account-credentials=true",
			"--root-ca-file="+secret("ca.crt"),
			"--service-account-private-key-file="+secret("service-account.key"),
			"--enable-hostpath-provisioner=true",
			"--flex-volume-plugin-dir=/var/lib/kubelet/volume-plugins",
		),
		kubernetes("kube-scheduler", "",
			client("kube-scheduler"),
			"--leader-elect=false",
			"--kube-api-qps=500", "--kube-api-burst=1000",
		),
		kubernetes("kubelet", "kubelet.yaml",
			client("kubelet"),
			"--config="+p.In("config", "kubelet.yaml"),
			"--hostname-override="+NodeName,
			"--node-ip="+network.NodeAddress,
		),
		kubernetes("kube-proxy", "",
			client("kube-proxy"),
			"--proxy-mode="+proxyMode(programs.Kubernetes),
			"--cluster-cidr="+network.Pods,
			"--hostname-override="+NodeName,
			// The limits belong to the whole machine, not to the namespace.
			"--conntrack-max-per-core=0",
			"--conntrack-min=0",
			"--conntrack-tcp-timeout-established=0",
			"--conntrack-tcp-timeout-close-wait=0",
		),
		{Name: "coredns", Program: programs.CoreDNS, Config: "Corefile", Arguments: []string{
			"-conf=" + p.In("config", "Corefile"),
		}},
	}
}
