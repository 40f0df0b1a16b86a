//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// stopFile ends the loops; it is in the pod.
const stopFile = "/tmp/load/stop"

// loops is a script in which that many clients build again and again until they
// are told to stop, each time with a layer of its own, as pipelines do that
// share base and dependencies. It prints a line when all have built once, and
// at the end how many builds there were and how many failed, with their words.
func loops(clients int) string {
	return fmt.Sprintf(`
mkdir -p /tmp/load && cd /tmp/load
client() {
	mkdir $1
	builds=0
	until [ -e %s ]; do
		builds=$((builds + 1))
		printf 'FROM %s\nRUN echo shared >/dependencies && sleep 1\nRUN echo %%s >/application\n' "$1-$builds" >$1/Dockerfile
		if docker build -t load:$1 $1 >$1/log 2>&1; then echo $1 >>succeeded; else echo $1 >>failures; cat $1/log >>failures.log; fi
	done
}
touch succeeded failures failures.log
for n in $(seq %d); do client $n & done
while [ $(cat succeeded failures | sort -u | wc -l) -lt %d ]; do sleep 0.2; done
echo "all have built once"
wait
cat failures.log
echo "builds: $(wc -l <succeeded) succeeded, $(wc -l <failures) failed"`, stopFile, baseImage, clients, clients)
}

var buildsLine = regexp.MustCompile(`(?m)^builds: (\d+) succeeded, (\d+) failed$`)

// Sixteen clients build in a loop while both kinds of clean-up run: no build
// fails, whatever the clean-up takes away around it.
func TestPruneUnderLoad(t *testing.T) {
	t.Parallel()
	const clients = 16
	i := install(t, env.newest())
	pods := env.cluster.CoreV1().Pods(i.namespace)
	pod := got[*corev1.Pod](t)(pods.Create(t.Context(), jobPod(i.image, i.variables, awaitService+loops(clients)), metav1.CreateOptions{}))
	log := func(ctx context.Context) string {
		text, _ := pods.GetLogs(pod.Name, &corev1.PodLogOptions{}).DoRaw(ctx)
		return string(text)
	}
	eventually(t, "each client's first build", func(ctx context.Context) (bool, error) {
		now, err := pods.Get(ctx, pod.Name, metav1.GetOptions{})
		if err != nil || now.Status.Phase == corev1.PodFailed {
			return true, err
		}
		return regexp.MustCompile(`(?m)^all have built once$`).MatchString(log(ctx)), nil
	})
	began := time.Now()
	succeed(t, i.command("prune-now", "-o", "json")...)
	// With --unused-for a second everything goes that no build holds just then.
	succeed(t, i.command("prune-now", "--unused-for", "1s", "-o", "json")...)
	if env.soak {
		// Two minutes in all, with the clean-up in their midst again and again.
		for time.Since(began) < 2*time.Minute {
			succeed(t, i.command("prune-now", "-o", "json")...)
		}
	}
	inPod(t, pod, "touch", stopFile)
	eventually(t, "the last builds", func(ctx context.Context) (bool, error) {
		now, err := pods.Get(ctx, pod.Name, metav1.GetOptions{})
		return err == nil && (now.Status.Phase == corev1.PodSucceeded || now.Status.Phase == corev1.PodFailed), err
	})
	said := log(t.Context())
	match := buildsLine.FindStringSubmatch(said)
	if match == nil {
		t.Fatalf("the builds did not end:\n%s", said)
	}
	succeeded, _ := strconv.Atoi(match[1])
	t.Logf("%s; the clean-ups took %s", match[0], time.Since(began).Round(time.Second))
	if match[2] != "0" || succeeded <= clients {
		t.Errorf("%s:\n%s", match[0], said)
	}
}
