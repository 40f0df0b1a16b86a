//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// kill -9 before and after the requests of install, prune-now and uninstall:
// one more run of the same command puts everything right, and the claim is the
// same from the first moment it exists. A few of the points in normal runs,
// every one with DINDCTL_SOAK=1.
func TestKilledAroundEachRequest(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		t.Run(fmt.Sprintf("after %v", after), func(t *testing.T) {
			t.Parallel()
			killEach(t, after)
		})
	}
}

func killEach(t *testing.T, after bool) {
	i := &installation{namespace: newNamespace(t), name: defaultName, image: env.newest()}
	p := newFaultProxy(t)
	install := i.command("install", i.installOptions("--create-namespace", "-o", "json")...)
	prune, uninstall := i.command("prune-now"), i.command("uninstall")

	// How many requests there are is seen in a life without a kill.
	_, installs, _ := p.run(t, 0, after, install...)
	_, prunes, _ := p.run(t, 0, after, prune...)
	_, uninstalls, _ := p.run(t, 0, after, uninstall...)
	t.Logf("requests: install %d, prune-now %d, uninstall %d", installs, prunes, uninstalls)
	claim := i.claim(t).UID
	succeed(t, i.command("uninstall", "--delete-data", "--yes")...)
	claim = ""

	tried, kills := 0, 0
	kill := func(n int, line []string) {
		_, _, killed := p.run(t, n, after, line...)
		tried++
		if killed {
			kills++
		}
		claim = i.sameClaim(t, claim)
	}
	for n := range points(max(installs, prunes, uninstalls)) {
		if n <= installs {
			kill(n, install)
		}
		succeed(t, install...)
		claim = i.sameClaim(t, claim)
		again := decode[installed](t, succeed(t, install...))
		equal(t, "changes of one more install", again.changes(), []string{"unchanged"})
		if n <= prunes {
			kill(n, prune)
			succeed(t, prune...)
		}
		if n <= uninstalls {
			kill(n, uninstall)
			if r := dindctl(t, uninstall...); r.code != done && r.code != notInstalled {
				t.Errorf("uninstall after a killed one ends with %d", r.code)
			}
			equal(t, "what is left", i.leftOver(t), []string{"persistentvolumeclaim/" + i.name + "-data"})
		}
		claim = i.sameClaim(t, claim)
	}
	t.Logf("kill points tried: %d, reached: %d, claims lost: 0", tried, kills)
	if kills == 0 {
		t.Error("nothing was killed")
	}
}

// points are the requests to kill at, of so many.
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

// sameClaim stops the test if the claim is another one than before, and gives
// the one that there is.
func (i *installation) sameClaim(t *testing.T, before types.UID) types.UID {
	t.Helper()
	found, err := env.cluster.CoreV1().PersistentVolumeClaims(i.namespace).Get(t.Context(), i.name+"-data", metav1.GetOptions{})
	must(t, ignoreNotFound(err))
	switch {
	case err != nil && before != "":
		t.Fatal("the claim is gone")
	case err != nil:
		return ""
	case before != "" && found.UID != before:
		t.Fatal("the claim is another one")
	}
	return found.UID
}

// Two installs at once, and an install beside an uninstall: each says how it
// ended, one more install finds or makes everything whole, and the claim stays.
func TestTwoCommandsAtOnce(t *testing.T) {
	t.Parallel()
	i := &installation{namespace: newNamespace(t), name: defaultName, image: env.newest()}
	createNamespace(t, i.namespace)
	install := i.command("install", i.installOptions("-o", "json", "--timeout", "90s")...)
	uninstall := i.command("uninstall", "--timeout", "90s")
	rounds := 1
	if env.soak {
		rounds = 50
	}
	var claim types.UID
	for range rounds {
		first, second := atOnce(t, install, install)
		for _, r := range []result{first, second} {
			r.want(t, done)
		}
		claim = i.sameClaim(t, claim)
		again := decode[installed](t, succeed(t, install...))
		equal(t, "changes after two installs", again.changes(), []string{"unchanged"})

		first, second = atOnce(t, install, uninstall)
		if !slices.Contains([]int{done, failed, notReady}, first.code) || !slices.Contains([]int{done, notInstalled, notReady}, second.code) {
			t.Errorf("install beside uninstall ended with %d, uninstall with %d", first.code, second.code)
		}
		if first.code != done && first.stderr == "" {
			t.Error("install failed without a word")
		}
		succeed(t, install...)
		again = decode[installed](t, succeed(t, install...))
		equal(t, "changes after install beside uninstall", again.changes(), []string{"unchanged"})
		claim = i.sameClaim(t, claim)
		if s := statusOf(t, i); !s.Healthy {
			t.Errorf("not healthy: %+v", s.Problems)
		}
		succeed(t, uninstall...)
	}
	t.Logf("pairs: %d", 2*rounds)
}

func atOnce(t *testing.T, a, b []string) (first, second result) {
	t.Helper()
	one, two := prepare(t, nil, a...), prepare(t, nil, b...)
	var both sync.WaitGroup
	one.start(t)
	two.start(t)
	both.Go(func() { second = two.wait(t) })
	first = one.wait(t)
	both.Wait()
	return first, second
}
