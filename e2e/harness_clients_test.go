//go:build e2e

package e2e

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// clientsImage has the Docker client 20.10 as /usr/bin/docker, and a newer one
// first in PATH, with buildx, Compose, testcontainers-go and gitlab-ci-local.
// Only the embedded cluster's registry has it.
const clientsImage = "dindctl.local/clients:1"

// needsClients skips the test on a cluster whose registry is not known.
func needsClients(t *testing.T) {
	t.Helper()
	if env.registry == "" {
		t.Skip("DINDCTL_E2E_REGISTRY is not set: no image of clients")
	}
}

// clientJob runs a job with the clients, the printed variables and, with TLS, the
// Secret. In the script, REGISTRY/ is a place to push to, and ID a name for this
// job only.
func (i *installation) clientJob(t *testing.T, id, script string) ran {
	t.Helper()
	script = strings.NewReplacer("REGISTRY/", env.registry+"/"+i.namespace+"/", "BASE", baseImage, "ID", id).Replace(script)
	pod := jobPod(clientsImage, i.variables, awaitService+script)
	if path := i.variables["DOCKER_CERT_PATH"]; path != "" {
		withSecret(pod, clientSecret, path)
	}
	return runPod(t, i.namespace, pod)
}

var diffBlock = regexp.MustCompile("(?ms)^```diff\n( build:\n.*?)^```")

// readmeJob returns the job in README's .gitlab-ci.yml, as it is after the
// change that README shows.
func readmeJob(t *testing.T) string {
	t.Helper()
	block := diffBlock.FindStringSubmatch(string(got[[]byte](t)(os.ReadFile("../README.md"))))
	if block == nil {
		t.Fatal("README shows no change of a job")
	}
	var job strings.Builder
	for _, line := range strings.SplitAfter(block[1], "\n") {
		if line != "" && line[0] != '-' {
			job.WriteString(line[1:])
		}
	}
	return job.String()
}
