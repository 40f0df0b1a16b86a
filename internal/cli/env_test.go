package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

func TestEnv(t *testing.T) {
	formats := map[string]string{
		"gitlab":  "variables:\n  DOCKER_HOST: tcp://docker-dind.ci.svc:2375\n  DOCKER_TLS_CERTDIR: \"\"\n",
		"github":  "env:\n  DOCKER_HOST: tcp://docker-dind.ci.svc:2375\n  DOCKER_TLS_CERTDIR: \"\"\n",
		"runner":  "[[runners]]\n  environment = [\"DOCKER_HOST=tcp://docker-dind.ci.svc:2375\", \"DOCKER_TLS_CERTDIR=\"]\n",
		"helm":    "runners:\n  config: |\n    [[runners]]\n      environment = [\"DOCKER_HOST=tcp://docker-dind.ci.svc:2375\", \"DOCKER_TLS_CERTDIR=\"]\n",
		"jenkins": "environment {\n    DOCKER_HOST = 'tcp://docker-dind.ci.svc:2375'\n    DOCKER_TLS_CERTDIR = ''\n}\n",
		"shell":   "export DOCKER_HOST='tcp://docker-dind.ci.svc:2375'\nexport DOCKER_TLS_CERTDIR=''\n",
	}
	w := installedWorld(t)
	for name, want := range formats {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := w.run(t, "env", "--format", name)
			if code != 0 || stderr != "" {
				t.Errorf("code %d, stderr %q", code, stderr)
			}
			if diff := cmp.Diff(want, stdout); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, stdout, _ := w.run(t, "env"); stdout != formats["gitlab"] {
		t.Errorf("by default: %s", stdout)
	}
	w.env["DINDCTL_FORMAT"] = "shell"
	if _, stdout, _ := w.run(t, "env"); stdout != formats["shell"] {
		t.Errorf("by the environment: %s", stdout)
	}
	if len(envFormats) != len(formats) {
		t.Errorf("%d formats, %d tested", len(envFormats), len(formats))
	}
}

// What is pasted is read by programs: they must see the variables.
func TestEnvIsRead(t *testing.T) {
	want := map[string]string{"DOCKER_HOST": "tcp://docker-dind.ci.svc:2375", "DOCKER_TLS_CERTDIR": ""}
	w := installedWorld(t)
	printed := func(t *testing.T, args ...string) string {
		t.Helper()
		code, stdout, stderr := w.run(t, append([]string{"env"}, args...)...)
		if code != 0 {
			t.Fatal(stderr)
		}
		return stdout
	}
	for name, key := range map[string]string{"gitlab": "variables", "github": "env"} {
		t.Run(name, func(t *testing.T) {
			var got map[string]map[string]string
			if err := yaml.UnmarshalStrict([]byte(printed(t, "--format", name)), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got[key]); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("helm", func(t *testing.T) {
		var got struct{ Runners struct{ Config string } }
		if err := yaml.UnmarshalStrict([]byte(printed(t, "--format", "helm")), &got); err != nil {
			t.Fatal(err)
		}
		if got.Runners.Config != printed(t, "--format", "runner") {
			t.Errorf("got %q", got.Runners.Config)
		}
	})
	t.Run("runner", func(t *testing.T) {
		// The array's syntax is JSON's, too.
		lines := strings.Split(printed(t, "--format", "runner"), "\n")
		list, found := strings.CutPrefix(strings.TrimSpace(lines[1]), "environment = ")
		var pairs []string
		if err := json.Unmarshal([]byte(list), &pairs); err != nil || !found || lines[0] != "[[runners]]" {
			t.Fatalf("%v: %q", err, lines)
		}
		got := map[string]string{}
		for _, pair := range pairs {
			name, value, _ := strings.Cut(pair, "=")
			got[name] = value
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
	for _, as := range []string{"json", "yaml"} {
		t.Run(as, func(t *testing.T) {
			var got map[string]string
			if err := yaml.UnmarshalStrict([]byte(printed(t, "-o", as)), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEnvNotInstalled(t *testing.T) {
	code, stdout, stderr := newWorld(t).run(t, "env", "--name", "builder")
	want := "error: builder is not installed in namespace ci\nnext: `dindctl install` installs it; -n and --name say where and which\n"
	if code != 4 || stdout != "" || stderr != want {
		t.Errorf("got %d, %q, %q", code, stdout, stderr)
	}
}
