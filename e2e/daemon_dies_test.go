//go:build e2e

package e2e

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The daemon, or the connection to it, breaks at different moments. The daemon
// restarts with its cache, and no command reports anything wrong.
func TestDaemonDies(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest())
	i.buildsCold(t, "app")
	claim := i.claim(t).UID
	back := func(t *testing.T, when string) {
		t.Helper()
		i.awaitPod(t, "")
		i.buildsCached(t, "app", when)
		if s := statusOf(t, i); !s.Healthy {
			t.Errorf("%s: %+v", when, s.Problems)
		}
		equal(t, "claim", i.claim(t).UID, claim)
	}

	t.Run("port-forward cut", func(t *testing.T) {
		p := newInjector(t)
		p.set(rule{fault: truncated, nth: 1, request: forward})
		s := decode[status](t, succeed(t, i.command("status", "-o", "json", "--kubeconfig", p.kubeconfig)...))
		if _, hit := p.requests(); hit != 1 || !s.Healthy || s.Daemon == nil {
			t.Errorf("after %d cut connections: %+v", hit, s)
		}
	})
	t.Run("during status", func(t *testing.T) {
		line := i.command("status", "-o", "json")
		var running sync.WaitGroup
		outcomes := make([]result, 6)
		for n := range outcomes {
			running.Go(func() { outcomes[n] = prepare(t, nil, line...).start(t).wait(t) })
			if n == len(outcomes)/2 {
				i.killDaemon(t)
			}
		}
		running.Wait()
		for _, r := range outcomes {
			if s := decode[status](t, r); s.Healthy != (r.code == done) || !s.Healthy && (len(s.Problems) == 0 || r.code != notReady) {
				t.Errorf("exit code %d, healthy %v, problems %+v", r.code, s.Healthy, s.Problems)
			}
		}
		back(t, "after status")
	})
	// Containers, sandbox and network are gone at once, as after a power
	// failure. The new pod also starts without restart delays, which grow with
	// each restart.
	t.Run("with its pod", func(t *testing.T) {
		before := i.pod(t)
		must(t, env.cluster.CoreV1().Pods(i.namespace).DeleteCollection(t.Context(),
			metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))}, metav1.ListOptions{}))
		i.awaitPod(t, before.UID)
		back(t, "after all pods were deleted")
	})
	t.Run("during a build", func(t *testing.T) {
		long := strings.Replace(build("long"), "sleep 1", "sleep 30", 1)
		job := startJob(t, i, long)
		eventually(t, "the build to run", func(ctx context.Context) (bool, error) {
			return strings.Contains(tailOf(ctx, job, "build", false), "sleep 30"), nil
		})
		i.killDaemon(t)
		if end := podUntil(t, job, ended); end.Status.Phase == corev1.PodSucceeded {
			t.Error("the build succeeded without its daemon")
		}
		back(t, "after an aborted build")
		i.buildsCold(t, "next")
	})
	t.Run("during a prune", func(t *testing.T) {
		c := prepare(t, nil, i.command("prune-now", "-o", "json")...).start(t)
		eventually(t, "the prune Job", func(ctx context.Context) (bool, error) {
			jobs, err := env.cluster.BatchV1().Jobs(i.namespace).List(ctx, metav1.ListOptions{})
			return err == nil && slices.ContainsFunc(jobs.Items, func(j batchv1.Job) bool { return j.Status.Active > 0 }), err
		})
		i.killDaemon(t)
		if r := c.wait(t); r.code != done {
			if f := failureOf(t, r); f.Reason == "Failed" {
				t.Errorf("%+v", f)
			}
		}
		back(t, "after an aborted prune")
		succeed(t, i.command("prune-now")...)
		i.buildsCached(t, "app", "after the next prune")
	})
}

// startJob starts a script in a CI job and does not wait for it.
func startJob(t *testing.T, i *installation, script string) *corev1.Pod {
	t.Helper()
	pod := jobPod(i.image, i.variables, awaitService+script)
	return got[*corev1.Pod](t)(env.cluster.CoreV1().Pods(i.namespace).Create(t.Context(), pod, metav1.CreateOptions{}))
}

// killDaemon kills dockerd with SIGKILL, which ends the container, and waits
// for the restart.
func (i *installation) killDaemon(t *testing.T) {
	t.Helper()
	pod := i.pod(t)
	before := restarts(pod)
	// The exec is killed together with the container. The restart shows whether
	// it worked.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tryInPod(ctx, t, pod, "sh", "-c", `for p in /proc/[0-9]*; do if [ "$(cat "$p/comm")" = dockerd ]; then kill -9 "${p#/proc/}"; fi; done`)
	eventually(t, "the container's restart", func(ctx context.Context) (bool, error) {
		now, err := env.cluster.CoreV1().Pods(i.namespace).Get(ctx, pod.Name, metav1.GetOptions{})
		return err == nil && restarts(now) > before, err
	})
}

func restarts(pod *corev1.Pod) (n int32) {
	for _, status := range pod.Status.ContainerStatuses {
		n += status.RestartCount
	}
	return n
}
