//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
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
	r := c.wait(t).want(t, interrupted).says(t, "interrupted", "run the same command again to continue")
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
	const timeout = 30 * time.Second
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

// install, prune-now and uninstall are killed before or after one of their
// requests: with and without TLS, with remembered options, and with a claim that
// dindctl does not own, although it has its labels. One more run of the same
// command completes the work, and the claim stays the same once it exists. Tests
// a few of the requests, or every one with DINDCTL_SOAK=1.
func TestKilledAroundEachRequest(t *testing.T) {
	t.Parallel()
	count := counting(t, "kill points")
	for _, after := range []bool{false, true} {
		for name, options := range map[string][]string{
			"plain": {"--reuse-options"}, "TLS": {"--tls"}, "given claim": {"--existing-claim", "given"},
		} {
			if !env.soak && !after && name != "plain" {
				continue
			}
			t.Run(fmt.Sprintf("%s after %v", name, after), func(t *testing.T) {
				t.Parallel()
				killEach(t, after, count, options...)
			})
		}
	}
}

// install, and sometimes uninstall, is killed at random moments. The next
// install completes the installation, and the claim stays the same once it
// exists.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	count := counting(t, "random kills")
	i := newInstallation(t, env.newest())
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
		for !runFor(t, moment, line) { // it ended before it was killed
			claim.checkClaim(t)
			longest /= 2
			moment = rand.N(longest)
		}
		claim.checkClaim(t)
		// The next kill starts from what this one left. Every fifth kill, and
		// the last, is followed by a complete install.
		complete := true
		if n%5 == 4 || n == kills-1 {
			i.variables = variablesOf(t, succeed(t, install...))
			claim.checkClaim(t)
			s := statusOf(t, i)
			if complete = s.Healthy && len(s.Objects) == 7; !complete {
				t.Errorf("not complete after a kill at %v: %+v %+v", moment, s.Objects, s.Problems)
			}
		}
		count.add(true, complete)
	}
	i.job(t, "docker version").want(t)

	runFor(t, rand.N(time.Second), i.command("uninstall", "--delete-data", "--yes"))
	again := dindctl(t, i.command("uninstall", "--delete-data", "--yes")...)
	if again.code != done && again.code != notInstalled {
		t.Errorf("uninstall after a killed uninstall ends with %d", again.code)
	}
	equal(t, "remaining objects", i.leftOver(t), nil)
}

// killEach kills the commands at one request after the other.
func killEach(t *testing.T, after bool, count *survival, options ...string) {
	i := newInstallation(t, env.newest())
	p := newKillProxy(t)
	install := i.command("install", i.installOptions(append(options, "--create-namespace", "-o", "json")...)...)
	prune, uninstall := i.command("prune-now"), i.command("uninstall")
	claim := guarded{installation: i, count: count}
	if given := slices.Index(options, "--existing-claim"); given >= 0 {
		claim.given = options[given+1]
		uninstall = append(uninstall, "--delete-data", "--yes")
		createNamespace(t, i.namespace)
		makeClaim(t, i.namespace, claim.given)
		i.labelClaim(t, claim.given)
	}

	// Run each command once without a kill to count its requests.
	_, installs, _ := p.run(t, 0, after, install...)
	_, prunes, _ := p.run(t, 0, after, prune...)
	_, uninstalls, _ := p.run(t, 0, after, uninstall...)
	t.Logf("requests: install %d, prune-now %d, uninstall %d", installs, prunes, uninstalls)
	if claim.given == "" { // else that uninstall removed all
		succeed(t, i.command("uninstall", "--delete-data", "--yes")...)
	}

	kill := func(n int, line []string) (killed bool) {
		_, _, killed = p.run(t, n, after, line...)
		claim.checkClaim(t)
		return killed
	}
	for n := range points(max(installs, prunes, uninstalls)) {
		killed := n <= installs && kill(n, install)
		succeed(t, install...)
		claim.checkClaim(t)
		again := decode[installed](t, succeed(t, install...))
		equal(t, "changes of one more install", again.changes(), []string{"unchanged"})
		if n <= installs {
			count.add(killed, len(again.changes()) == 1)
		}
		if n <= prunes {
			killed := kill(n, prune)
			count.add(killed, dindctl(t, prune...).want(t, done).code == done)
		}
		if n <= uninstalls {
			killed := kill(n, uninstall)
			r := dindctl(t, uninstall...)
			if r.code != done && r.code != notInstalled {
				t.Errorf("uninstall after a killed uninstall ends with %d", r.code)
			}
			left := i.leftOver(t)
			var want []string // checkClaim looks at a claim that is not the installation's
			if claim.given == "" {
				want = []string{"persistentvolumeclaim/" + i.name + "-data"}
			}
			equal(t, "remaining objects", left, want)
			count.add(killed, slices.Equal(left, want))
		}
		claim.checkClaim(t)
	}
}

// points yields the numbers of the requests at which to kill.
func points(requests int) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		step := max(1, requests/3)
		if env.soak {
			step = 1
		}
		for n := 1 + min(step, requests)/2; n <= requests; n += step {
			if !yield(n) {
				return
			}
		}
	}
}

// runFor kills a command after the duration. killed is false if the command
// ended before.
func runFor(t *testing.T, moment time.Duration, line []string) (killed bool) {
	t.Helper()
	c := prepare(t, nil, line...).start(t)
	timer := time.AfterFunc(moment, func() { _ = c.Process.Kill() })
	r := c.wait(t)
	timer.Stop()
	t.Logf("killed after %v: %v", moment, r.code == -1)
	return r.code == -1
}
