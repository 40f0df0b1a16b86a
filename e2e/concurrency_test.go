//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"sync"
	"testing"
)

// Eight jobs build at the same time with the one daemon, and all succeed.
func TestEightJobsAtOnce(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest())
	rounds := 1
	if env.soak {
		rounds = 20
	}
	for round := range rounds {
		var jobs sync.WaitGroup
		outcomes := make([]ran, 8)
		for n := range outcomes {
			jobs.Go(func() { outcomes[n] = i.job(t, build(fmt.Sprintf("app%d-%d", round, n))) })
		}
		jobs.Wait()
		for n, outcome := range outcomes {
			if outcome.code != 0 {
				t.Errorf("job %d of round %d ended with %d:\n%s", n, round, outcome.code, outcome.log)
			}
		}
		i.buildsCached(t, fmt.Sprintf("app%d-7", round), "after all jobs")
	}
}

// Two installations in one namespace, with different names: both work, and
// uninstalling one does not affect the other.
func TestTwoInstallations(t *testing.T) {
	t.Parallel()
	one := &installation{namespace: newNamespace(t), name: "one", image: env.newest()}
	two := &installation{namespace: one.namespace, name: "two", image: env.images[0]}
	one.install(t, "--create-namespace")
	two.install(t)
	for _, i := range []*installation{one, two} {
		equal(t, "DOCKER_HOST", i.variables["DOCKER_HOST"], "tcp://"+i.name+"."+i.namespace+".svc:2375")
		i.job(t, `docker version --format 'server {{.Server.Version}}'`).want(t, "server "+engineOf(i.image))
		i.buildsCold(t, "shared")
	}
	two.settle(t)
	one.settle(t)
	var listed []string
	// Whatever other tests have at the moment is listed, too, and may be unhealthy.
	for _, s := range decode[struct{ Installations []status }](t, dindctl(t, "status", "-A", "-o", "json")).Installations {
		if s.Namespace == one.namespace && s.Healthy {
			listed = append(listed, s.Name)
		}
	}
	equal(t, "installations that status -A lists", listed, []string{"one", "two"})
	objects, pod := two.objects(t), two.pod(t)

	succeed(t, one.command("uninstall", "--delete-data", "--yes")...)
	equal(t, "remaining objects of the first", one.leftOver(t), nil)
	equal(t, "objects of the second", two.objects(t), objects)
	equal(t, "pod of the second", two.pod(t).UID, pod.UID)
	two.buildsCached(t, "shared", "after the first was uninstalled")
	if s := statusOf(t, two); !s.Healthy {
		t.Errorf("the second is not healthy: %+v", s.Problems)
	}
}

// Two installs, or an install and an uninstall, run at the same time and meet
// at a chosen request. Each reports how it ended, one more install makes the
// installation complete, and the claim stays the same. Runs one pair of each
// kind, or fifty with DINDCTL_SOAK=1.
func TestTwoCommandsAtOnce(t *testing.T) {
	t.Parallel()
	count := counting(t, "pairs")
	for name, meet := range map[string]func(t *testing.T, r *race, n, round int){
		"installs":              func(t *testing.T, r *race, n, _ int) { r.installs(t, n) },
		"install and uninstall": func(t *testing.T, r *race, n, round int) { r.installAndUninstall(t, n, round%2 == 0) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRace(t, count)
			for round := range times(1, 50) {
				// The requests are spread over the whole install, whatever the
				// number of rounds.
				meet(t, r, 1+(1+round*7)%r.requests, round)
			}
		})
	}
}

// race is an installation on which two commands run at the same time.
type race struct {
	guarded
	proxy              *killProxy
	install, uninstall []string
	requests           int // of a first install
}

func newRace(t *testing.T, count *survival) *race {
	t.Helper()
	i := newInstallation(t, env.newest())
	createNamespace(t, i.namespace)
	r := &race{
		guarded: guarded{installation: i, count: count}, proxy: newKillProxy(t),
		install:   i.command("install", i.installOptions("-o", "json", "--timeout", "3m")...),
		uninstall: i.command("uninstall", "--timeout", "3m"),
	}
	_, r.requests, _ = r.proxy.run(t, 0, false, r.install...)
	r.checkClaim(t)
	succeed(t, r.uninstall...)
	return r
}

// installs starts a second install at the n-th request of the first. Nothing is
// installed before.
func (r *race) installs(t *testing.T, n int) {
	t.Helper()
	first, second, met := r.proxy.beside(t, n, r.install, r.install)
	for _, result := range []result{first, second} {
		if result.code != done {
			t.Errorf("one of two installs that met at request %d ended with %d:\n%s", n, result.code, result.stderr)
		}
	}
	again := decode[installed](t, succeed(t, r.install...))
	equal(t, "changes after two installs", again.changes(), []string{"unchanged"})
	r.checkComplete(t, met)
	succeed(t, r.uninstall...)
	r.checkClaim(t)
}

// installAndUninstall starts an uninstall at the n-th request of an install. If
// nothing is true, nothing is installed before.
func (r *race) installAndUninstall(t *testing.T, n int, nothing bool) {
	t.Helper()
	line := r.install
	if !nothing {
		succeed(t, r.install...)
		line = append(slices.Clone(r.install), "--prune-schedule", "0 1 * * *", "--cache-limit", "1Gi")
		n = 1 + n/2 // this install sends fewer requests
	}
	first, second, met := r.proxy.beside(t, n, line, r.uninstall)
	if !slices.Contains([]int{done, failed, notReady}, first.code) || !slices.Contains([]int{done, failed, notInstalled, notReady}, second.code) {
		t.Errorf("met at request %d: install ended with %d, uninstall with %d", n, first.code, second.code)
	}
	if first.code != done && first.stderr == "" {
		t.Error("install failed without a message")
	}
	r.checkClaim(t)
	succeed(t, r.install...)
	again := decode[installed](t, succeed(t, r.install...))
	equal(t, "changes after install and uninstall", again.changes(), []string{"unchanged"})
	r.checkComplete(t, met)
	succeed(t, r.uninstall...)
	r.checkClaim(t)
}

// checkComplete checks that the installation is complete and healthy, and counts the
// pair.
func (r *race) checkComplete(t *testing.T, met bool) {
	t.Helper()
	r.checkClaim(t)
	s := statusOf(t, r.installation)
	if !s.Healthy {
		t.Errorf("not healthy: %+v", s.Problems)
	}
	r.count.add(met, s.Healthy)
}
