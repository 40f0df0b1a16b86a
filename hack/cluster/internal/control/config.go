// Package control has the configuration and the command line of each component of
// the cluster, and the checks of its health.
package control

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/dindctl/dindctl/hack/cluster/internal/network"
	"github.com/dindctl/dindctl/hack/cluster/internal/node"
	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
	"github.com/dindctl/dindctl/hack/cluster/internal/pki"
	"github.com/dindctl/dindctl/hack/cluster/internal/versions"
)

//go:embed files
var files embed.FS

const (
	Server         = "https://" + network.NodeAddress + ":6443"
	Registry       = network.NodeAddress + ":5000"
	serviceAddress = "10.96.0.1"
)

// places are the configuration files and their paths in a node's directory.
var places = map[string]string{
	"kubelet.yaml":    "kubelet.yaml",
	"containerd.toml": "containerd.toml",
	"hosts.toml":      "registries/_default/hosts.toml",
	"cni.conflist":    "cni/10-dindctl.conflist",
	"resolv.conf":     "resolv.conf",
	// Only the first node has a control plane that reads them.
	"audit-policy.yaml": "audit-policy.yaml",
	"Corefile":          "Corefile",
}

// Configure writes each file that the components of a node read, and returns the
// content of the configuration files by name: a component whose file changed is
// restarted.
func Configure(p paths.Paths, on Node) (map[string]string, error) {
	directory, second := p.In("pki"), Second(p, on.Kubernetes)
	if err := pki.Ensure(directory, network.NodeAddress, serviceAddress, FirstName); err != nil {
		return nil, fmt.Errorf("making certificates: %w", err)
	}
	if err := pki.EnsureKubelet(directory, second.Identity, second.Name, second.Address); err != nil {
		return nil, fmt.Errorf("making certificates: %w", err)
	}
	nodes := map[string]string{pki.KubeletServer: FirstName, second.Identity: second.Name}
	if err := pki.EnsureUsers(p, directory, Server, nodes); err != nil {
		return nil, err
	}
	contents, err := render(p, on)
	if err != nil {
		return nil, err
	}
	for name, content := range contents {
		if err := paths.WriteFile(filepath.Join(on.Config, places[name]), []byte(content), 0o644); err != nil {
			return nil, fmt.Errorf("writing configuration: %w", err)
		}
	}
	return contents, paths.WriteFile(p.In("registry"), []byte(Registry+"\n"), 0o644)
}

func render(p paths.Paths, on Node) (map[string]string, error) {
	values := map[string]any{
		"Node":             on,
		"KubernetesMinor":  on.Kubernetes.Minor(),
		"PKI":              p.In("pki"),
		"Kubeconfigs":      p.In("kubeconfigs"),
		"DNS":              network.NodeAddress,
		"PodMTU":           network.PodMTU,
		"Registry":         Registry,
		"PauseImage":       versions.PauseImage,
		"ContainerdSocket": node.ContainerdSocket,
		"CNIPlugins":       cniPlugins(),
		"CgroupLabel":      CgroupLabel,
	}
	contents := map[string]string{}
	for name := range places {
		text, err := files.ReadFile("files/" + name)
		if err != nil {
			return nil, err
		}
		parsed, err := template.New(name).Option("missingkey=error").Parse(string(text))
		if err != nil {
			return nil, err
		}
		var content strings.Builder
		if err := parsed.Execute(&content, values); err != nil {
			return nil, err
		}
		contents[name] = content.String()
	}
	return contents, nil
}

// cniPlugins returns the directory of the plugins: Debian's, or the usual one.
func cniPlugins() string {
	for _, directory := range []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"} {
		if _, err := os.Stat(filepath.Join(directory, "bridge")); err == nil {
			return directory
		}
	}
	return "/usr/lib/cni"
}
