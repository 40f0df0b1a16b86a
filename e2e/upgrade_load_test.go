//go:build e2e

package e2e

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Upgrades that no build notices: several jobs at a time build and push. They
// begin with the script of `dindctl env`, and none fails. Without the script, jobs keep a daemon
// from stopping until half of the drain timeout is over: none fails that has begun, but the
// first connection of others is refused.
func TestUpgradeUnderLoad(t *testing.T) {
	t.Parallel()
	if env.registry == "" {
		t.Skip("there is no registry to push to")
	}
	i := install(t, env.images[0], "--insecure-registry", env.registry)
	mtu := func(bytes int, options ...string) func() {
		return func() {
			i.options = append([]string{"--insecure-registry", env.registry, "--mtu", strconv.Itoa(bytes)}, options...)
		}
	}
	wait := succeed(t, i.command("env", "--format", "shell")...).stdout + "dindctl_wait\n"
	upgrades := []func(){func() { i.image = env.newest() }, mtu(1300)}
	if env.soak {
		for n := range 8 {
			upgrades = append(upgrades, mtu(1301+n))
		}
	}
	with := i.upgradeUnder(t, times(4, 16), wait, upgrades...)
	if with.refused > 0 || with.waited == 0 {
		t.Errorf("with the script: %+v", with)
	}
	mtu(1399, "--drain-timeout", "80s")()
	i.install(t, i.options...)
	i.upgradeUnder(t, 4, "", mtu(1400))
	i.eventuallyHealthy(t)
}

// load is what jobs met during upgrades.
type load struct {
	done, refused, failed int
	waited                float64 // seconds, the longest
}

// upgradeUnder upgrades while this many jobs run at a time. Each begins with the script,
// which may be empty.
func (i *installation) upgradeUnder(t *testing.T, jobs int, begin string, upgrades ...func()) (sum load) {
	t.Helper()
	var met sync.Mutex
	var loops sync.WaitGroup
	stop := make(chan struct{})
	image, variables := i.image, i.variables
	for n := range jobs {
		loops.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-t.Context().Done():
					return
				default:
				}
				log := runPod(t, i.namespace, jobPod(image, variables, loadJob(n, begin))).log
				met.Lock()
				sum.add(log)
				met.Unlock()
			}
		})
	}
	for _, upgrade := range upgrades {
		sleep(t, 15*time.Second) // so that all of them build
		upgrade()
		began := time.Now()
		i.install(t, i.options...)
		t.Logf("the upgrade took %v", time.Since(began).Round(time.Second))
	}
	eventually(t, "two jobs done for each that runs at a time", func(context.Context) (bool, error) {
		met.Lock()
		defer met.Unlock()
		return sum.done >= 2*jobs, nil
	})
	close(stop)
	loops.Wait()
	t.Logf("%d upgrades under %d jobs at a time: %+v", len(upgrades), jobs, sum)
	if sum.failed > 0 {
		t.Errorf("%d jobs failed that had begun", sum.failed)
	}
	return sum
}

// add adds what the log of a job says.
func (l *load) add(log string) {
	l.done += strings.Count(log, "job done\n")
	l.refused += strings.Count(log, "refused: ")
	l.failed += strings.Count(log, "failed: ")
	if match := waitedFor.FindStringSubmatch(log); match != nil {
		seconds, _ := strconv.ParseFloat(match[1], 64)
		l.waited = max(l.waited, seconds)
	}
}

var waitedFor = regexp.MustCompile(`(?m)^waited (\d+)$`)

// loadJob returns a job's script: it builds the image load-N and pushes it.
func loadJob(n int, begin string) string {
	return strings.NewReplacer("ID", strconv.Itoa(n), "BASE", baseImage, "REGISTRY", env.registry, "BEGIN", begin).Replace(`
mkdir -p /tmp/context && cd /tmp/context
began=$(date +%s)
BEGIN
echo "waited $(($(date +%s) - began))"
if ! docker version >said 2>&1; then
	echo "refused: $(tail -n 1 said)"
	exec sleep 5
fi
printf "FROM BASE\nRUN echo ID $began >/file && sleep 15\n" >Dockerfile
docker build --quiet --tag REGISTRY/load-ID . >said 2>&1 && sleep 3 && docker push --quiet REGISTRY/load-ID >said 2>&1 ||
	{ echo "failed: $(tail -n 3 said)"; exit; }
echo "job done"`)
}
