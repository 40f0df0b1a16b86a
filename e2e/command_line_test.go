//go:build e2e

package e2e

import "testing"

// An invalid command line ends with exit code 2, all its problems in one
// message, and no request.
func TestInvalidCommandLineSendsNothing(t *testing.T) {
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

	// A valid command line does reach the server, which counts it.
	dindctl(t, "status", "--kubeconfig", kubeconfig)
	if requests.Load() == 0 {
		t.Error("no request of a valid command line was counted")
	}
}

// Exit code 4 means that nothing is installed, even if the namespace does not
// exist.
func TestNotInstalled(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"status", "prune-now", "uninstall", "env"} {
		dindctl(t, name, "-n", "nowhere").want(t, notInstalled).says(t, "not installed in namespace nowhere", "dindctl install")
	}
	r := dindctl(t, "status", "-n", "nowhere", "-o", "json").want(t, notInstalled)
	if failure := decode[map[string]map[string]any](t, r); failure["error"]["message"] == nil {
		t.Errorf("no error in the document:\n%s", r.stdout)
	}
	contains(t, "version", succeed(t, "version", "-n", "nowhere").stdout, "Kubernetes   v", "unknown: docker-dind is not installed")
}
