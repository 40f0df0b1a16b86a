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

	"github.com/dindctl/dindctl/hack/cluster/internal/cgroup"
	"github.com/dindctl/dindctl/hack/cluster/internal/network"
	"github.com/dindctl/dindctl/hack/cluster/internal/node"
	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
	"github.com/dindctl/dindctl/hack/cluster/internal/pki"
	"github.com/dindctl/dindctl/hack/cluster/internal/versions"
)

//go:embed files
var files embed.FS

const (
	NodeName       = "dindctl"
	Server         = "https://" + network.NodeAddress + ":6443"
	Registry       = network.NodeAddress + ":5000"
	serviceAddress = "10.96.0.1"
)

// places are the paths of the configuration files in the state directory.
var places = map[string]string{
	"audit-policy.yaml": "config/audit-policy.yaml",
	"kubelet.yaml":      "config/kubelet.yaml",
	"containerd.toml":   "config/containerd.toml",
	"hosts.toml":        "config/registries/_default/hosts.toml",
	"cni.conflist":      "config/cni/10-dindctl.conflist",
	"Corefile":          "config/Corefile",
	"resolv.conf":       "config/resolv.conf",
}

// Configure writes each file that the components read, and returns the content of
// the configuration files by name: a component whose file changed is restarted.
func Configure(p paths.Paths, kubernetes versions.Release) (map[string]string, error) {
	if err := pki.Ensure(p.In("pki"), network.NodeAddress, serviceAddress, NodeName); err != nil {
		return nil, fmt.Errorf("making certificates: %w", err)
	}
	if err := pki.EnsureUsers(p, p.In("pki"), Server, NodeName); err != nil {
		return nil, err
	}
	contents, err := render(p, kubernetes)
	if err != nil {
		return nil, err
	}
	for name, content := range contents {
		if err := paths.WriteFile(p.In(places[name]), []byte(content), 0o644); err != nil {
			return nil, fmt.Errorf("writing configuration: %w", err)
		}
	}
	return contents, paths.WriteFile(p.In("registry"), []byte(Registry+"\n"), 0o644)
}

func render(p paths.Paths, kubernetes versions.Release) (map[string]string, error) {
	values := map[string]any{
		"KubernetesMinor":  kubernetes.Minor(),
		"State":            p.State,
		"PKI":              p.In("pki"),
		"Config":           p.In("config"),
		"Kubeconfigs":      p.In("kubeconfigs"),
		"NodeAddress":      network.NodeAddress,
		"Pods":             network.Pods,
		"PodMTU":           network.PodMTU,
		"Registry":         Registry,
		"PauseImage":       versions.PauseImage,
		"CgroupRoot":       cgroup.Name,
		"ContainerdSocket": node.ContainerdSocket,
		"CNIPlugins":       cniPlugins(),
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
