//go:build e2e

package e2e

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// kill -9 before and after the requests of install, prune-now and uninstall:
// one more run of the same command puts everything right, and the claim is the
// same from the first moment it exists, with the certificates and without. A few
// of the points in normal runs, every one with DINDCTL_SOAK=1.
func TestKilledAroundEachRequest(t *testing.T) {
	t.Parallel()
	count := counting(t, "kill points")
	for _, after := range []bool{false, true} {
		for _, options := range [][]string{nil, {"--tls"}} {
			if !env.soak && !after && options != nil {
				continue
			}
			t.Run(fmt.Sprintf("after %v %v", after, options), func(t *testing.T) {
				t.Parallel()
				killEach(t, after, count, options...)
			})
		}
	}
}

func killEach(t *testing.T, after bool, count *survival, options ...string) {
	i := &installation{namespace: newNamespace(t), name: defaultName, image: env.newest()}
	p := newFaultProxy(t)
	install := i.command("install", i.installOptions(append(options, "--create-namespace", "-o", "json")...)...)
	prune, uninstall := i.command("prune-now"), i.command("uninstall")

	// How many requests there are is seen in a life without a kill.
	_, installs, _ := p.run(t, 0, after, install...)
	_, prunes, _ := p.run(t, 0, after, prune...)
	_, uninstalls, _ := p.run(t, 0, after, uninstall...)
	t.Logf("requests: install %d, prune-now %d, uninstall %d", installs, prunes, uninstalls)
	succeed(t, i.command("uninstall", "--delete-data", "--yes")...)

	claim := guarded{installation: i, count: count}
	kill := func(n int, line []string) (killed bool) {
		_, _, killed = p.run(t, n, after, line...)
		claim.look(t)
		return killed
	}
	for n := range points(max(installs, prunes, uninstalls)) {
		killed := n <= installs && kill(n, install)
		succeed(t, install...)
		claim.look(t)
		again := decode[installed](t, succeed(t, install...))
		equal(t, "changes of one more install", again.changes(), []string{"unchanged"})
		count.add(n <= installs, killed, len(again.changes()) == 1)
		if n <= prunes {
			killed := kill(n, prune)
			count.add(true, killed, dindctl(t, prune...).want(t, done).code == done)
		}
		if n <= uninstalls {
			killed := kill(n, uninstall)
			r := dindctl(t, uninstall...)
			if r.code != done && r.code != notInstalled {
				t.Errorf("uninstall after a killed one ends with %d", r.code)
			}
			left := i.leftOver(t)
			equal(t, "what is left", left, []string{"persistentvolumeclaim/" + i.name + "-data"})
			count.add(true, killed, len(left) == 1)
		}
		claim.look(t)
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
