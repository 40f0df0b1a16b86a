package control

import (
	"strings"
	"testing"

	"github.com/dindctl/dindctl/hack/cluster/internal/cgroup"
	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
	"github.com/dindctl/dindctl/hack/cluster/internal/versions"
)

func TestRender(t *testing.T) {
	contents, err := render(paths.Paths{State: "/state"}, first(versions.Kubernetes))
	if err != nil {
		t.Fatal(err)
	}
	for name, part := range map[string]string{
		"containerd.toml": `root = "/state/containerd"`,
		"kubelet.yaml":    "clientCAFile: /state/pki/ca.crt",
		"hosts.toml":      `server = "http://198.18.77.2:5000"`,
		"cni.conflist":    `"mtu": 1450`,
	} {
		if !strings.Contains(contents[name], part) {
			t.Errorf("%s lacks %s:\n%s", name, part, contents[name])
		}
	}
}

// A kubelet does not start with a field that it does not know.
func TestRenderForOldKubelet(t *testing.T) {
	for version, want := range map[versions.Release]bool{"v1.30.14": false, "v1.31.14": true} {
		contents, err := render(paths.Paths{State: "/state"}, first(version))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(contents["kubelet.yaml"], "\nfailCgroupV1: false\nfailSwapOn: "); got != want {
			t.Errorf("%s: failCgroupV1 %v, want %v:\n%s", version, got, want, contents["kubelet.yaml"])
		}
	}
}

// Every component with a configuration file is restarted when that changes,
// so the name has to be one of the rendered files.
func TestComponentsConfig(t *testing.T) {
	for _, component := range Components(paths.Paths{State: "/state"}, Programs{}, first(versions.Kubernetes)) {
		if _, known := places[component.Config]; component.Config != "" && !known {
			t.Errorf("%s reads %s, which is not rendered", component.Name, component.Config)
		}
	}
}

func first(kubernetes versions.Release) Node {
	return First(paths.Paths{State: "/state"}, cgroup.Layout{}, kubernetes)
}
