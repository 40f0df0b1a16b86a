package cli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/dindctl/dindctl/internal/clustertest"
)

func TestEnv(t *testing.T) {
	w := installedWorld(t)
	printed := map[string]string{}
	for name := range envFormats {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := w.run(t, "env", "--format", name)
			if code != 0 || stderr != "" {
				t.Errorf("code %d, stderr %q", code, stderr)
			}
			golden(t, "env-"+name, stdout)
			printed[name] = stdout
		})
	}
	if _, stdout, _ := w.run(t, "env"); stdout != printed["gitlab"] {
		t.Errorf("default format: %s", stdout)
	}
	w.env["DINDCTL_FORMAT"] = "shell"
	if _, stdout, _ := w.run(t, "env"); stdout != printed["shell"] {
		t.Errorf("format from the environment: %s", stdout)
	}
}

// With published ports, env and install print where they are, and env which they are.
func TestEnvOfPublishedPorts(t *testing.T) {
	w := newWorld(t, clustertest.DefaultClass())
	const variable = "  TESTCONTAINERS_HOST_OVERRIDE: docker-dind.docker-dind-pods.ci.svc\n"
	if code, stdout, stderr := w.run(t, "install", "--publish-ports", "20000-29999"); code != 0 || !strings.HasSuffix(stdout, variable) {
		t.Errorf("install: %d, %s, %s", code, stdout, stderr)
	}
	_, stdout, _ := w.run(t, "env")
	for _, text := range []string{variable, "at docker-dind.docker-dind-pods.ci.svc, not at localhost. Use a port in 20000-29999,"} {
		if !strings.Contains(stdout, text) || strings.Contains(stdout, unreachable) {
			t.Errorf("want %q in\n%s", text, stdout)
		}
	}
}

func TestEnvAsDocument(t *testing.T) {
	w := installedWorld(t)
	for _, as := range []string{"json", "yaml"} {
		t.Run(as, func(t *testing.T) {
			var got map[string]string
			_, stdout, _ := w.run(t, "env", "-o", as)
			if err := yaml.UnmarshalStrict([]byte(stdout), &got); err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"DOCKER_HOST": "tcp://docker-dind.ci.svc:2375", "DOCKER_TLS_CERTDIR": ""}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEnvNotInstalled(t *testing.T) {
	code, stdout, stderr := newWorld(t).run(t, "env", "--name", "builder")
	want := "error: builder is not installed in namespace ci\nnext: run `dindctl install`, or select another installation with -n and --name\n"
	if code != 4 || stdout != "" || stderr != want {
		t.Errorf("got %d, %q, %q", code, stdout, stderr)
	}
}
