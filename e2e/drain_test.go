//go:build e2e

package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Before its pod stops, the daemon waits for a job that builds, is silent for a while, and
// pushes; status and the pod's log name the job. A new job waits for the next pod. After the drain
// timeout the daemon stops although a job is not done.
func TestDrain(t *testing.T) {
	t.Parallel()
	if env.registry == "" {
		t.Skip("there is no registry to push to")
	}
	i := install(t, env.newest(), "--insecure-registry", env.registry, "--drain-timeout", "2m")
	old := i.pod(t)
	log := followLog(t, old)
	work := i.drainJob(t, "12")
	i.deletePod(t)
	var s status
	eventually(t, "status to name the job", func(context.Context) (bool, error) {
		s = decode[status](t, dindctl(t, i.command("status", "-o", "json")...))
		return s.Draining != nil && slices.Equal(s.Draining.Clients, i.jobAddresses(t)), nil
	})
	if s.Healthy || !s.says("takes no new jobs and stops when its clients have ended", s.Draining.Clients[0]) {
		t.Errorf("status while the daemon drains: %+v", s)
	}
	wait := succeed(t, i.command("env", "--format", "shell")...).stdout + "dindctl_wait\n"
	i.job(t, wait+"docker image inspect --format 'found {{.RepoTags}}' drain").want(t, "takes no new jobs at the moment", " drain:latest]")
	(<-work).want(t, "the image is pushed")
	i.awaitPod(t, old.UID)
	contains(t, "the pod's log", <-log, "dindctl: draining: the daemon stops when these clients have ended")
	contains(t, "the pod's log", <-log, "dindctl: drained: no client for 10 s\n")

	i.install(t, "--insecure-registry", env.registry, "--drain-timeout", "15s")
	log = followLog(t, i.pod(t))
	work = i.drainJob(t, "600")
	i.deletePod(t)
	contains(t, "the pod's log", <-log, "dindctl: the drain timeout of 15 s is over: the daemon stops, although there are clients: ")
	if aborted := <-work; aborted.code == 0 {
		t.Error("a job that was aborted succeeded")
	}
	i.eventuallyHealthy(t)
}

// drainJob starts a job that builds for this many seconds, and returns when it does so.
func (i *installation) drainJob(t *testing.T, seconds string) <-chan ran {
	t.Helper()
	ended := make(chan ran, 1)
	go func() {
		ended <- i.job(t, strings.NewReplacer("SECONDS", seconds, "BASE", baseImage, "REGISTRY", env.registry).Replace(`
mkdir -p /tmp/context && cd /tmp/context
printf 'FROM BASE\nRUN sleep SECONDS\n' >Dockerfile
docker build --no-cache --quiet --tag drain --tag REGISTRY/drain .
sleep 5
docker push --quiet REGISTRY/drain
echo the image is pushed`))
	}()
	i.awaitProcess(t, "sleep."+seconds)
	return ended
}

// awaitProcess waits until a process whose command line begins like this runs in the
// daemon's pod.
func (i *installation) awaitProcess(t *testing.T, line string) {
	t.Helper()
	pod := i.pod(t)
	eventually(t, "the process "+line, func(ctx context.Context) (bool, error) {
		out, _, err := tryInPod(ctx, t, pod, "sh", "-c", "grep -lsa '^"+line+"' /proc/[0-9]*/cmdline || true")
		return out != "", err
	})
}

// deletePod deletes the daemon's pod as `kubectl delete pod` does, and does not wait.
func (i *installation) deletePod(t *testing.T) {
	t.Helper()
	must(t, env.cluster.CoreV1().Pods(i.namespace).Delete(t.Context(), i.pod(t).Name, metav1.DeleteOptions{}))
}

// jobAddresses returns the addresses of the jobs' pods that run.
func (i *installation) jobAddresses(t *testing.T) (addresses []string) {
	t.Helper()
	for _, pod := range got[*corev1.PodList](t)(env.cluster.CoreV1().Pods(i.namespace).List(t.Context(), metav1.ListOptions{})).Items {
		if strings.HasPrefix(pod.Name, "job-") && pod.Status.Phase == corev1.PodRunning {
			addresses = append(addresses, pod.Status.PodIP)
		}
	}
	slices.Sort(addresses)
	return addresses
}

// followLog returns a channel that has the log of a pod when its container has ended.
func followLog(t *testing.T, pod *corev1.Pod) <-chan string {
	t.Helper()
	log := make(chan string, 2)
	go func() {
		text, err := env.cluster.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Follow: true}).DoRaw(t.Context())
		if err != nil {
			text = []byte(err.Error())
		}
		for range 2 {
			log <- string(text)
		}
	}()
	return log
}
