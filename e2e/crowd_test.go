//go:build e2e

package e2e

import (
	"fmt"
	"sync"
	"testing"
)

// Eight jobs build at once through the one daemon, and all succeed.
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

// Two installations in one namespace, told apart by --name: both work, and
// uninstalling one leaves the other alone.
func TestTwoInstances(t *testing.T) {
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
	objects, pod := two.objects(t), two.pod(t)

	succeed(t, one.command("uninstall", "--delete-data", "--yes")...)
	equal(t, "what is left of one", one.leftOver(t), nil)
	equal(t, "the other's objects", two.objects(t), objects)
	equal(t, "the other's pod", two.pod(t).UID, pod.UID)
	two.buildsCached(t, "shared", "after the other was uninstalled")
	if s := statusOf(t, two); !s.Healthy {
		t.Errorf("the other is not healthy: %+v", s.Problems)
	}
}
