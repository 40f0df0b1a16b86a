//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// The pod is deleted during a build that takes longer than the drain, and a container
// delays the daemon's end. The next daemon starts only when the first has stopped, without
// a crash, and with its cache.
func TestOneDaemonPerRoot(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest(), "--drain-timeout", "10s")
	i.buildsCold(t, "app")
	for range times(2, 20) {
		old := i.pod(t)
		slow := startJob(t, i, "docker run --stop-timeout 8 "+baseImage+` sh -c 'trap "" TERM; echo runs; sleep 600 & wait; sleep 600'`)
		long := startJob(t, i, strings.Replace(build("long"), "sleep 1", "sleep 30", 1))
		for pod, text := range map[*corev1.Pod]string{slow: "runs", long: "sleep 30"} {
			eventually(t, "the job to say "+text, func(ctx context.Context) (bool, error) {
				return strings.Contains(tailOf(ctx, pod, "build", false), text), nil
			})
		}
		must(t, env.cluster.CoreV1().Pods(i.namespace).Delete(t.Context(), old.Name, metav1.DeleteOptions{}))
		i.awaitSuccessor(t, old.UID)
		next := i.pod(t)
		equal(t, "restarts", restarts(next), 0)
		i.buildsCached(t, "app", "after pod "+old.Name)
	}
}

// awaitSuccessor waits until the daemon has one pod, which is ready and not the old one,
// and checks that the next daemon does not run while the old one does.
func (i *installation) awaitSuccessor(t *testing.T, old types.UID) {
	t.Helper()
	list := func(ctx context.Context) (previous, next *corev1.Pod, err error) {
		pods, err := env.cluster.CoreV1().Pods(i.namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=" + i.name})
		if err != nil {
			return nil, nil, err
		}
		for n := range pods.Items {
			if pods.Items[n].UID == old {
				previous = &pods.Items[n]
			} else {
				next = &pods.Items[n]
			}
		}
		return previous, next, nil
	}
	eventually(t, "the next daemon", func(ctx context.Context) (bool, error) {
		_, next, err := list(ctx)
		if next == nil || err != nil {
			return false, err
		}
		if !runsDaemon(ctx, t, next) {
			return false, nil
		}
		// Looked at last: what runs now, ran then. The pod itself is asked, because its
		// status follows a moment after its end.
		previous, next, err := list(ctx)
		if err != nil || next == nil {
			return false, err
		}
		if previous != nil && runsDaemon(ctx, t, previous) {
			t.Errorf("the daemon in pod/%s runs, and that in pod/%s still does", next.Name, previous.Name)
		}
		return previous == nil && podReady(next), nil
	})
}

// runsDaemon reports whether dockerd runs in the pod.
func runsDaemon(ctx context.Context, t *testing.T, pod *corev1.Pod) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if !containerRuns(pod) {
		return false
	}
	found, _, err := tryInPod(ctx, t, pod, "sh", "-c", `for p in /proc/[0-9]*; do if [ "$(cat "$p/comm")" = dockerd ]; then echo dockerd; fi; done`)
	return err == nil && found != ""
}

// containerRuns reports whether a container of the pod runs.
func containerRuns(pod *corev1.Pod) bool {
	for _, status := range pod.Status.ContainerStatuses {
		if status.State.Running != nil {
			return true
		}
	}
	return false
}

// A second pod with the same claim waits, says so once, in its log and in an event, is not
// restarted, and stops immediately when it receives SIGTERM.
func TestSecondDaemonWaits(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest())
	const message = "another daemon uses this data root: waiting for it to stop"
	first := i.pod(t)
	second := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "second"}, Spec: *first.Spec.DeepCopy()}
	pods := env.cluster.CoreV1().Pods(i.namespace)
	second = got[*corev1.Pod](t)(pods.Create(t.Context(), second, metav1.CreateOptions{}))
	eventually(t, "an event that says why", func(ctx context.Context) (bool, error) {
		events, err := env.cluster.CoreV1().Events(i.namespace).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.uid=" + string(second.UID)})
		for _, event := range events.Items {
			if event.Reason == "Unhealthy" && strings.Contains(event.Message, message) {
				return true, nil
			}
		}
		return false, err
	})
	log := got[[]byte](t)(pods.GetLogs(second.Name, &corev1.PodLogOptions{}).DoRaw(t.Context()))
	equal(t, "messages", strings.Count(string(log), message), 1)
	second = got[*corev1.Pod](t)(pods.Get(t.Context(), second.Name, metav1.GetOptions{}))
	equal(t, "restarts", restarts(second), 0)
	if !containerRuns(second) || podReady(second) {
		t.Errorf("the second pod does not wait: %+v", second.Status)
	}
	equal(t, "the first daemon", i.pod(t).UID, first.UID)
	i.eventuallyHealthy(t)
	began := time.Now()
	must(t, pods.Delete(t.Context(), second.Name, metav1.DeleteOptions{}))
	eventually(t, "the end of the second pod", func(ctx context.Context) (bool, error) {
		_, err := pods.Get(ctx, second.Name, metav1.GetOptions{})
		return apierrors.IsNotFound(err), ignoreNotFound(err)
	})
	if grace := time.Duration(*second.Spec.TerminationGracePeriodSeconds) * time.Second; time.Since(began) >= grace {
		t.Errorf("it took %v, the grace period", time.Since(began))
	}
}
