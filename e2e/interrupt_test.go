//go:build e2e

package e2e

import (
	"context"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Ctrl-C while install waits: exit code 130, what to do next is said, and the
// same command goes on from there with the same claim.
func TestCtrlC(t *testing.T) {
	t.Parallel()
	i := &installation{namespace: newNamespace(t), name: defaultName, image: env.newest()}
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

func ignoreNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// kill -9 at any moment, again and again, of an install and now and then of an
// uninstall: the next install makes it whole, and the claim stays the one it was
// from the first moment it exists.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	count := counting(t, "random kills")
	i := &installation{namespace: newNamespace(t), name: defaultName, image: env.newest()}
	install, uninstall := i.command("install", i.installOptions("--create-namespace")...), i.command("uninstall")
	claim := guarded{installation: i, count: count}
	kills := times(5, 200)
	for n := range kills {
		line := install
		if n%4 == 3 {
			line = uninstall
		}
		longest := 3 * time.Second
		moment := rand.N(longest)
		for !runFor(t, moment, line) { // it had ended by itself: that is no kill
			claim.look(t)
			longest /= 2
			moment = rand.N(longest)
		}
		claim.look(t)
		// What a kill leaves is what the next one finds; now and then, and in the
		// end, all of it has to be put right.
		whole := true
		if n%5 == 4 || n == kills-1 {
			i.variables = variablesOf(t, succeed(t, install...))
			claim.look(t)
			s := statusOf(t, i)
			if whole = s.Healthy && len(s.Objects) == 6; !whole {
				t.Errorf("not whole after a kill at %v: %+v %+v", moment, s.Objects, s.Problems)
			}
		}
		count.add(true, true, whole)
	}
	i.job(t, "docker version").want(t)

	runFor(t, rand.N(time.Second), i.command("uninstall", "--delete-data", "--yes"))
	again := dindctl(t, i.command("uninstall", "--delete-data", "--yes")...)
	if again.code != done && again.code != notInstalled {
		t.Errorf("uninstall after a killed uninstall ends with %d", again.code)
	}
	equal(t, "what is left", i.leftOver(t), nil)
}

// runFor runs a command for so long and then kills it; killed is false where it
// had ended before.
func runFor(t *testing.T, moment time.Duration, line []string) (killed bool) {
	t.Helper()
	c := prepare(t, nil, line...).start(t)
	timer := time.AfterFunc(moment, func() { _ = c.Process.Kill() })
	r := c.wait(t)
	timer.Stop()
	t.Logf("killed after %v: %v", moment, r.code == -1)
	return r.code == -1
}

// --timeout holds: a command that waits for what will not come ends soon after.
func TestTimeoutHolds(t *testing.T) {
	t.Parallel()
	i := &installation{namespace: newNamespace(t), name: defaultName, image: "docker:no-such-engine-dind"}
	const timeout = 10 * time.Second
	r := dindctl(t, i.command("install", i.installOptions("--create-namespace", "--timeout", timeout.String())...)...)
	r.want(t, notReady).says(t, i.image, "next: ")
	if r.took > timeout+5*time.Second {
		t.Errorf("it took %v", r.took)
	}
	if !strings.Contains(r.stderr, "pull") {
		t.Errorf("the cause is not named:\n%s", r.stderr)
	}

	// The same as a document, and the way out: the right image.
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
