//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// `dindctl docker` runs the machine's Docker client against the daemon, whatever the
// user's own variables say: what it builds is there for jobs, and its exit code is
// dindctl's.
func TestDockerCommand(t *testing.T) {
	t.Parallel()
	if env.docker == "" {
		t.Skip("DINDCTL_E2E_DOCKER is not set: no Docker client")
	}
	for name, options := range map[string][]string{"plain": nil, "TLS": {"--tls"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := install(t, env.newest(), options...)
			contains(t, "docker version", i.docker(t, "", "version").want(t, done).stdout, "\nServer:")
			contains(t, "docker ps", i.docker(t, "", "ps").want(t, done).stdout, "CONTAINER ID")

			desk := t.TempDir()
			must(t, os.WriteFile(filepath.Join(desk, "source"), []byte("written at the desk\n"), 0o644))
			must(t, os.WriteFile(filepath.Join(desk, "Dockerfile"), []byte("FROM "+baseImage+"\nCOPY source /source\nRUN cat /source >/built\n"), 0o644))
			i.docker(t, "", "build", "--progress=plain", "-t", "desk", desk).want(t, done)
			pod := jobPod(i.image, i.variables, awaitService+"docker run --rm desk cat /built")
			if path := i.variables["DOCKER_CERT_PATH"]; path != "" {
				withSecret(pod, clientSecret, path)
			}
			runPod(t, i.namespace, pod).want(t, "written at the desk")

			r := i.docker(t, "", "run", "--rm", "desk", "sh", "-c", "sleep 3; cat /built; echo problem >&2; exit 7").want(t, 7)
			equal(t, "stdout of docker run", r.stdout, "written at the desk\n")
			equal(t, "stderr of docker run", r.stderr, "problem\n")
			if name == "TLS" {
				equal(t, "stdout of docker run -i", i.docker(t, "typed", "run", "-i", "--rm", "desk", "sh", "-c", "cat; sleep 3; echo .").want(t, done).stdout, "typed.\n")
			}
		})
	}
}

// docker runs `dindctl docker` with this input, and checks that no socket is left.
func (i *installation) docker(t *testing.T, input string, args ...string) result {
	t.Helper()
	config, temporary := t.TempDir(), t.TempDir()
	must(t, os.Symlink(filepath.Join(env.docker, "cli-plugins"), filepath.Join(config, "cli-plugins")))
	c := prepare(t, []string{
		"PATH=" + env.docker + ":/usr/bin:/bin", "TMPDIR=" + temporary, "DOCKER_CONFIG=" + config,
		"DOCKER_HOST=tcp://127.0.0.1:1", "DOCKER_TLS_VERIFY=1", "DOCKER_CERT_PATH=" + config, "DOCKER_CONTEXT=other",
	}, i.command("docker", append([]string{"--"}, args...)...)...)
	c.Stdin = strings.NewReader(input)
	r := c.start(t).wait(t)
	for _, left := range got[[]os.DirEntry](t)(os.ReadDir(temporary)) {
		if strings.HasPrefix(left.Name(), "dindctl-") {
			t.Errorf("%s is left", left.Name())
		}
	}
	return r
}
