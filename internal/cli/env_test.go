package cli

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

func TestEnv(t *testing.T) {
	hint := "# " + servicesHint + "\n"
	formats := map[string]string{
		"gitlab": hint + "variables:\n  DOCKER_HOST: tcp://docker-dind.ci.svc:2375\n  DOCKER_TLS_CERTDIR: \"\"\n",
		"github": hint + "env:\n  DOCKER_HOST: tcp://docker-dind.ci.svc:2375\n  DOCKER_TLS_CERTDIR: \"\"\n",
		"runner": hint + "# Add this line to config.toml directly below the [[runners]] of your runner. Anywhere else it has no effect.\n" +
			"  environment = [\"DOCKER_HOST=tcp://docker-dind.ci.svc:2375\", \"DOCKER_TLS_CERTDIR=\"]\n",
		"helm": "runners:\n  config: |\n    " + hint +
			"    [[runners]]\n      environment = [\"DOCKER_HOST=tcp://docker-dind.ci.svc:2375\", \"DOCKER_TLS_CERTDIR=\"]\n",
		"jenkins": "environment {\n    // " + servicesHint + "\n    DOCKER_HOST = 'tcp://docker-dind.ci.svc:2375'\n    DOCKER_TLS_CERTDIR = ''\n}\n",
		"shell":   hint + "export DOCKER_HOST='tcp://docker-dind.ci.svc:2375'\nexport DOCKER_TLS_CERTDIR=''\n",
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
		t.Errorf("default format: %s", stdout)
	}
	w.env["DINDCTL_FORMAT"] = "shell"
	if _, stdout, _ := w.run(t, "env"); stdout != formats["shell"] {
		t.Errorf("format from the environment: %s", stdout)
	}
	if len(envFormats) != len(formats) {
		t.Errorf("%d formats, %d tested", len(envFormats), len(formats))
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
