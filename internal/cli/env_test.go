package cli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/dindctl/dindctl/internal/clustertest"
)

func TestEnv(t *testing.T) {
	const connect = "  DOCKER_HOST: tcp://docker-dind.ci.svc:2375\n  DOCKER_TLS_CERTDIR: \"\"\n"
	overrides := strings.ReplaceAll(overridesHint, "%[1]s", "%s")
	overrides = strings.ReplaceAll(overrides, "%s", "docker-dind")
	lines := func(mark string, lines ...string) string {
		return comment(mark, append([]string{servicesHint}, lines...)...)
	}
	runner := lines("#", overrides)
	formats := map[string]string{
		"gitlab": lines("#", overrides, sharedHint, unreachable) + "variables:\n" + connect + "  COMPOSE_PROJECT_NAME: job-$CI_JOB_ID\n",
		"github": lines("#", sharedHint, unreachable, "The daemon does not see the job's files: `container:`, `services:` and `uses: docker://` cannot work, because they mount them.",
			"`docker/setup-buildx-action` needs `driver: docker`; its default creates a builder with an empty cache in each run.",
			"With the Actions Runner Controller, set the variables in the runner's pod: template.spec.containers[].env.") + "env:\n" + connect,
		"runner": runner + "# Add this line to config.toml directly below the [[runners]] of your runner. Anywhere else it has no effect.\n" +
			"  environment = [\"DOCKER_HOST=tcp://docker-dind.ci.svc:2375\", \"DOCKER_TLS_CERTDIR=\"]\n",
		"helm": "runners:\n  config: |\n" + indent(indent(runner)) +
			"    [[runners]]\n      environment = [\"DOCKER_HOST=tcp://docker-dind.ci.svc:2375\", \"DOCKER_TLS_CERTDIR=\"]\n",
		"jenkins": "environment {\n" + lines("    //", sharedHint, unreachable, "The daemon does not see the job's files: `agent { docker … }` and `docker.image().inside` cannot work, because they mount them.",
			"Run the stage in a container of the agent's pod instead, with the image docker:29.") + "    DOCKER_HOST = 'tcp://docker-dind.ci.svc:2375'\n    DOCKER_TLS_CERTDIR = ''\n}\n",
		"shell": lines("#", sharedHint, unreachable) + "export DOCKER_HOST='tcp://docker-dind.ci.svc:2375'\nexport DOCKER_TLS_CERTDIR=''\n",
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
