//go:build e2e

package e2e

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Ctrl-C while install waits: it ends with exit code 130 and a hint, and the
// same command continues with the same claim.
func TestCtrlC(t *testing.T) {
	t.Parallel()
	i := newInstallation(t, env.newest())
	line := i.command("install", i.installOptions("--create-namespace")...)
	c := prepare(t, nil, line...).start(t)
	eventually(t, "the Deployment", func(ctx context.Context) (bool, error) {
		_, err := env.cluster.AppsV1().Deployments(i.namespace).Get(ctx, i.name, metav1.GetOptions{})
		return err == nil, ignoreNotFound(err)
	})
	must(t, c.Process.Signal(os.Interrupt))
	r := c.wait(t).want(t, interrupted).says(t, "interrupted", "the same command continues from here")
	equal(t, "stdout", r.stdout, "")

	claim := i.claim(t)
	i.variables = variablesOf(t, succeed(t, line...))
	equal(t, "claim", i.claim(t).UID, claim.UID)
	i.job(t, "docker version").want(t)
}

// A command that waits in vain ends soon after --timeout.
func TestTimeoutHolds(t *testing.T) {
	t.Parallel()
	i := newInstallation(t, "docker:no-such-engine-dind")
	const timeout = 10 * time.Second
	r := dindctl(t, i.command("install", i.installOptions("--create-namespace", "--timeout", timeout.String())...)...)
	r.want(t, notReady).says(t, i.image, "next: ")
	if r.took > timeout+5*time.Second {
		t.Errorf("install took %v", r.took)
	}
	if !strings.Contains(r.stderr, "pull") {
		t.Errorf("the cause is not named:\n%s", r.stderr)
	}

	// The same as a document; then an install with a valid image succeeds.
	again := dindctl(t, i.command("install", i.installOptions("--timeout", timeout.String(), "-o", "json")...)...).want(t, notReady)
	failure := decode[map[string]struct {
		Message, Hint, Reason string
		Code                  int
	}](t, again)["error"]
	if failure.Code != notReady || !strings.Contains(failure.Message, i.image) || failure.Hint == "" {
		t.Errorf("the document's error: %+v", failure)
	}
	claim := i.claim(t)
	i.image = env.newest()
	i.install(t)
	equal(t, "claim", i.claim(t).UID, claim.UID)
}
