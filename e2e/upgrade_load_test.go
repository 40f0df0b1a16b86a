//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Upgrades that no build notices: eight jobs, or sixteen, build and push, again and again.
// They begin with the script of `dindctl env`, and none fails. Without the script, jobs keep a daemon
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
	jobs := 8
	if env.soak {
		jobs = 16
		for n := range 8 {
			upgrades = append(upgrades, mtu(1301+n))
		}
	}
	with := i.upgradeUnder(t, jobs, wait, upgrades...)
	if with.refused > 0 || with.waited == 0 {
		t.Errorf("with the script: %+v", with)
	}
	mtu(1399, "--drain-timeout", "40s")()
	i.install(t, i.options...)
	i.upgradeUnder(t, 4, "", mtu(1400))
	i.eventuallyHealthy(t)
}

// load is what jobs met during upgrades.
type load struct {
	done, refused int
	waited        float64 // seconds, the longest
}

// upgradeUnder upgrades while jobs run. Each job begins with the script, which may be empty.
func (i *installation) upgradeUnder(t *testing.T, jobs int, begin string, upgrades ...func()) (sum load) {
	t.Helper()
	var loops []*corev1.Pod
	for n := range jobs {
		loops = append(loops, i.startLoop(t, fmt.Sprint(n), begin))
	}
	for _, upgrade := range upgrades {
		sleep(t, 10*time.Second) // so that all of them build
		upgrade()
		began := time.Now()
		i.install(t, i.options...)
		t.Logf("the upgrade took %v", time.Since(began).Round(time.Second))
	}
	sleep(t, 5*time.Second)
	pods := env.cluster.CoreV1().Pods(i.namespace)
	for _, pod := range loops {
		inPod(t, pod, "touch", "/tmp/stop")
		eventually(t, "the last job of pod/"+pod.Name+" to end", func(ctx context.Context) (bool, error) {
			now, err := pods.Get(ctx, pod.Name, metav1.GetOptions{})
			return err == nil && ended(now), err
		})
		log := string(got[[]byte](t)(pods.GetLogs(pod.Name, &corev1.PodLogOptions{}).DoRaw(t.Context())))
		must(t, pods.Delete(t.Context(), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))}))
		sum.done += strings.Count(log, "job done\n")
		sum.refused += strings.Count(log, "refused: ")
		if strings.Contains(log, "failed: ") {
			t.Errorf("jobs failed that had begun:\n%s", log)
		}
		for _, match := range waitedFor.FindAllStringSubmatch(log, -1) {
			sum.waited = max(sum.waited, got[float64](t)(strconv.ParseFloat(match[1], 64)))
		}
	}
	t.Logf("%d upgrades under %d jobs at a time: %+v", len(upgrades), jobs, sum)
	if sum.done < 2*jobs {
		t.Error("that is no load")
	}
	return sum
}

var waitedFor = regexp.MustCompile(`(?m)^waited (\d+)$`)

// startLoop starts a pod that runs one job after the other until /tmp/stop exists in it.
// Each begins with the script, which may be empty.
func (i *installation) startLoop(t *testing.T, id, begin string) *corev1.Pod {
	t.Helper()
	script := awaitService + strings.NewReplacer("ID", id, "BASE", baseImage, "REGISTRY", env.registry, "BEGIN", begin).Replace(`
mkdir -p /tmp/context && cd /tmp/context
n=0
while [ ! -e /tmp/stop ]; do
	n=$((n + 1))
	began=$(date +%s)
BEGIN
	echo "waited $(($(date +%s) - began))"
	if ! docker version >said 2>&1; then
		echo "refused: $(tail -n 1 said)"
		sleep 1
		continue
	fi
	printf "FROM BASE\nRUN echo ID $n >/file && sleep 4\n" >Dockerfile
	docker build --quiet --tag REGISTRY/load-ID . >said 2>&1 && sleep 2 && docker push --quiet REGISTRY/load-ID >said 2>&1 ||
		{ echo "failed: $(tail -n 3 said)"; continue; }
	echo "job done"
	sleep 2
done`)
	pod := jobPod(i.image, i.variables, script)
	pod.Name, pod.GenerateName = "loop-"+id, ""
	return podUntil(t, got[*corev1.Pod](t)(env.cluster.CoreV1().Pods(i.namespace).Create(t.Context(), pod, metav1.CreateOptions{})), podReady)
}
