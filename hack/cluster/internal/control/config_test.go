package control

import (
	"strings"
	"testing"

	"github.com/dindctl/dindctl/hack/cluster/internal/cgroup"
	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
)

func TestRender(t *testing.T) {
	contents, err := render(paths.Paths{State: "/state"}, First(paths.Paths{State: "/state"}, cgroup.Layout{}))
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

// Every component with a configuration file is restarted when that changes,
// so the name has to be one of the rendered files.
func TestComponentsConfig(t *testing.T) {
	for _, component := range Components(paths.Paths{State: "/state"}, Programs{}, First(paths.Paths{State: "/state"}, cgroup.Layout{})) {
		if _, known := places[component.Config]; component.Config != "" && !known {
			t.Errorf("%s reads %s, which is not rendered", component.Name, component.Config)
		}
	}
}
