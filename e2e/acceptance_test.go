//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"sigs.k8s.io/yaml"
)

// countingServer is an API server that does nothing but count requests.
func countingServer(t *testing.T) (kubeconfig string, requests *atomic.Int64) {
	t.Helper()
	requests = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		http.Error(w, "nothing here", http.StatusNotFound)
	}))
	t.Cleanup(server.Close)
	kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	must(t, os.WriteFile(kubeconfig, fmt.Appendf(nil, `
apiVersion: v1
kind: Config
current-context: counting
clusters: [{name: counting, cluster: {server: %q}}]
contexts: [{name: counting, context: {cluster: counting}}]
`, server.URL), 0o600))
	return kubeconfig, requests
}

// A wrong command line: every problem in one answer, exit code 2, no request.
func TestWrongCommandLineSendsNothing(t *testing.T) {
	t.Parallel()
	kubeconfig, requests := countingServer(t)
	line := []string{"install", "--storage-size", "-3Gi", "--prune-schedule", "nonsense", "--registry-mirror", "::", "--kubeconfig", kubeconfig}
	r := dindctl(t, line...).want(t, usage).says(t, `--storage-size "-3Gi"`, `--prune-schedule "nonsense"`, `--registry-mirror "::"`)
	equal(t, "stdout", r.stdout, "")

	r = dindctl(t, append(line, "-o", "json")...).want(t, usage)
	failure := decode[map[string]struct{ Problems []map[string]string }](t, r)
	equal(t, "number of problems", len(failure["error"].Problems), 3)
	for _, wrong := range [][]string{{"instal"}, {"install", "--sice", "3"}, {"status", "surplus"}, {"uninstall", "--timeout", "soon"}} {
		dindctl(t, append([]string{"--kubeconfig", kubeconfig}, wrong...)...).want(t, usage)
	}
	equal(t, "requests", requests.Load(), 0)

	// The server does count: a right command line reaches it.
	dindctl(t, "status", "--kubeconfig", kubeconfig)
	if requests.Load() == 0 {
		t.Error("no request of a right command line was counted")
	}
}

// What is not installed is told by exit code 4, even in a namespace that does
// not exist.
func TestNotInstalled(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"status", "prune-now", "uninstall", "env"} {
		dindctl(t, name, "-n", "nowhere").want(t, notInstalled).says(t, "not installed in namespace nowhere", "dindctl install")
	}
	r := dindctl(t, "status", "-n", "nowhere", "-o", "json").want(t, notInstalled)
	if failure := decode[map[string]map[string]any](t, r); failure["error"]["message"] == nil {
		t.Errorf("no error in the document:\n%s", r.stdout)
	}
}

// The lines that the README begins with, typed into a shell as they stand.
func TestShellLines(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	directory := t.TempDir()
	bin := filepath.Join(directory, "bin")
	must(t, os.Mkdir(bin, 0o755))
	must(t, os.Symlink(env.program, filepath.Join(bin, "dindctl")))
	must(t, os.Symlink(env.program, filepath.Join(bin, "kubectl-dindctl")))
	shell := func(line string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), "sh", "-eu", "-c", line)
		command.Dir = directory
		command.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "KUBECONFIG="+env.kubeconfig,
			"DINDCTL_NAMESPACE="+namespace, "DINDCTL_IMAGE="+env.newest())
		out, err := command.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
		return string(out)
	}
	equal(t, "what install > vars.yml leaves on the terminal", shell("dindctl install --create-namespace 2>err >vars.yml"), "")
	var block map[string]map[string]string
	must(t, yaml.UnmarshalStrict(got[[]byte](t)(os.ReadFile(filepath.Join(directory, "vars.yml"))), &block))
	equal(t, "vars.yml", block, map[string]map[string]string{"variables": {
		"DOCKER_HOST": "tcp://docker-dind." + namespace + ".svc:2375", "DOCKER_TLS_CERTDIR": "",
	}})
	if !json.Valid([]byte(shell("dindctl status -o json"))) {
		t.Error("status -o json is not JSON")
	}
	shell("eval \"$(kubectl-dindctl env --format shell)\" && test \"$DOCKER_HOST\" = tcp://docker-dind." + namespace + ".svc:2375")
	if out := shell("dindctl prune-now"); !strings.Contains(out, "Freed") {
		t.Errorf("prune-now: %s", out)
	}
	shell("dindctl uninstall")
}
