package control

import (
	"path/filepath"

	"github.com/dindctl/dindctl/hack/cluster/internal/network"
	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
)

// Programs are the paths of the built programs.
type Programs struct {
	Kube, CoreDNS, Registry string
	KubeRouter              string // "" if no NetworkPolicy is to be enforced
}

// Component is a program of the node.
type Component struct {
	Name      string
	Program   string
	Arguments []string
	Config    string // its configuration file, if it has one: a change restarts it
}

// Components returns the programs of the first node, which runs the control plane,
// in the order in which they start. Each waits for those that it needs, so none has
// to be healthy before the next one starts.
func Components(p paths.Paths, programs Programs, on Node) []Component {
	secret := func(name string) string { return p.In("pki", name) }
	client := func(name string) string { return "--kubeconfig=" + p.Kubeconfig(name) }

	return append([]Component{
		{Name: "registry", Program: programs.Registry, Arguments: []string{
			"--listen=" + Registry,
			"--images=" + p.Images,
			"--data=" + p.In("registry-data"),
			"--requests=" + p.In("registry-requests.log"),
		}},
		{Name: "etcd", Program: "etcd", Arguments: []string{
			"--name=" + on.Name,
			"--data-dir=" + p.In("etcd"),
			"--listen-client-urls=http://127.0.0.1:2379",
			"--advertise-client-urls=http://127.0.0.1:2379",
			"--listen-peer-urls=http://127.0.0.1:2380",
			"--initial-advertise-peer-urls=http://127.0.0.1:2380",
			"--initial-cluster=" + on.Name + "=http://127.0.0.1:2380",
			"--quota-backend-bytes=1073741824",
			"--unsafe-no-fsync", // no state outlives the machine
			"--logger=zap",
		}},
		kubernetes(p, "kube-apiserver", "audit-policy.yaml",
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
		kubernetes(p, "kube-controller-manager", "",
			client("kube-controller-manager"),
			"--leader-elect=false",
			"--kube-api-qps=500", "--kube-api-burst=1000",
			"--use-service-account-credentials=true",
			"--root-ca-file="+secret("ca.crt"),
			"--service-account-private-key-file="+secret("service-account.key"),
			"--enable-hostpath-provisioner=true",
			"--flex-volume-plugin-dir=/var/lib/kubelet/volume-plugins",
		),
		kubernetes(p, "kube-scheduler", "",
			client("kube-scheduler"),
			"--leader-elect=false",
			"--kube-api-qps=500", "--kube-api-burst=1000",
		),
		{Name: "coredns", Program: programs.CoreDNS, Config: "Corefile", Arguments: []string{
			"-conf=" + p.In("config", "Corefile"),
		}},
	}, on.Components(p, programs)...)
}

// kubernetes returns a component that the binary of Kubernetes has.
func kubernetes(p paths.Paths, name, config string, arguments ...string) Component {
	return Component{Name: name, Program: filepath.Join(p.In("links"), name), Arguments: arguments, Config: config}
}

// KubeRouter is the name of the component that PolicyEnforcer returns.
const KubeRouter = "kube-router"

// PolicyEnforcer returns the component that enforces NetworkPolicies for the pods of
// the first node. It exits unless the node is registered, so it starts after the others.
func PolicyEnforcer(p paths.Paths, program string) Component {
	return Component{Name: KubeRouter, Program: program, Arguments: []string{
		"--kubeconfig=" + p.Kubeconfig(KubeRouter),
		"--hostname-override=" + FirstName,
		"--run-firewall=true",
		"--run-router=false",
		"--run-service-proxy=false",
		"--service-cluster-ip-range=" + network.Services,
		"--health-port=0",
	}}
}
