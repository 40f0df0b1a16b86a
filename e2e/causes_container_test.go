//go:build e2e

package e2e

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The daemon's container does not start, does not keep running, or is evicted.
func TestCausesContainer(t *testing.T) {
	t.Parallel()
	// install gives up at the third crash, without waiting for the timeout, and
	// shows the daemon's last log lines.
	t.Run("dockerd crash because of --dockerd-arg", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		arguments := []string{"--dockerd-arg=--e2e-nonsense", "--timeout", "5m"}
		r := dindctl(t, i.command("install", i.installOptions(append(arguments, "-o", "json")...)...)...).want(t, notReady)
		r.says(t, "The daemon ended with exit code 1 (once).")
		if r.took > 3*time.Minute {
			t.Errorf("install waited %s for a daemon that cannot start", r.took)
		}
		f := failureOf(t, r).names(t, "CrashLoopBackOff", "exit code 1 (3 times)")
		contains(t, "hint", f.Hint, "--dockerd-arg")
		contains(t, "log", f.Log, "unknown flag: --e2e-nonsense")
		i.statusSays(t, f)

		text := dindctl(t, i.command("install", i.installOptions(arguments...)...)...).want(t, notReady)
		text.says(t, "  | ", "unknown flag: --e2e-nonsense", "next: ")
		i.install(t)
	})
	t.Run("OOM kill", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		f := i.failedInstall(t, "--memory-limit", "20Mi", "--timeout", "20s").names(t, "OOMKilled", "memory limit")
		contains(t, "hint", f.Hint, "--memory-limit")
		i.eventuallyProblem(t, "OOMKilled", "exceeding its memory limit")
		i.install(t, "--memory-limit", "2Gi")
	})
	// The limit is so small that the container cannot start. Then the container
	// runtime, not the kernel, reports the cause.
	t.Run("memory limit too small to start", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		f := i.failedInstall(t, "--memory-limit", "2Mi", "--timeout", "20s")
		contains(t, "hint for "+f.Message, f.Hint, "--memory-limit")
	})
	// The kubelet evicts each pod for its use of the node's disk. The next pod
	// follows immediately, and install reports each eviction.
	t.Run("pod evicted", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		i.noDisk(t)
		r := dindctl(t, i.command("install", i.installOptions(neverReady, "--timeout", "75s", "-o", "json")...)...).want(t, notReady)
		r.says(t, "Warning: The node ended the pod: ", "ephemeral local storage")
		failureOf(t, r).names(t, "Evicted", "The node ended the pod: ", "ephemeral local storage")
	})
	// The pod was evicted, and a quota refuses the next one. The quota is the
	// cause to report, not the eviction.
	t.Run("pod evicted and the next one refused", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		i.noDisk(t)
		c := prepare(t, nil, i.command("install", i.installOptions(neverReady, "--timeout", "75s", "-o", "json")...)...).start(t)
		eventually(t, "a pod", func(ctx context.Context) (bool, error) {
			pods, err := env.cluster.CoreV1().Pods(i.namespace).List(ctx, metav1.ListOptions{})
			return err == nil && len(pods.Items) > 0, err
		})
		i.quota(t, corev1.ResourcePods, "0")
		f := failureOf(t, c.wait(t).want(t, notReady)).names(t, "QuotaExceeded", "exceeded quota: e2e")
		i.statusSays(t, f)
	})
	// Somebody deleted the ConfigMap. status reports that the pod cannot mount
	// it, and install creates it again.
	t.Run("ConfigMap missing", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		i.install(t)
		must(t, env.cluster.CoreV1().ConfigMaps(i.namespace).Delete(t.Context(), i.name+"-config", metav1.DeleteOptions{}))
		must(t, env.cluster.CoreV1().Pods(i.namespace).Delete(t.Context(), i.pod(t).Name, metav1.DeleteOptions{}))
		i.eventuallyProblem(t, "FailedMount", `configmap "`+i.name+`-config" not found`)
		i.install(t)
	})
	// The previous pod stops slowly because of a container in it. install says
	// so, and the same command continues once that pod is gone.
	t.Run("previous pod stops slowly", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		i.install(t)
		before := i.pod(t)
		i.job(t, `docker run -d --stop-timeout 20 `+baseImage+` sh -c 'trap "" TERM; while :; do sleep 1; done'`).want(t)
		f := i.failedInstall(t, "--env", "E2E=changed", "--timeout", "6s")
		f.names(t, "NotReady", "waiting for the previous pod "+before.Name+" to stop")
		i.install(t, "--env", "E2E=changed")
	})
}

// neverReady makes the daemon wait for a socket that never appears.
const neverReady = "--dockerd-arg=--containerd=/nowhere.sock"

// noDisk limits each pod of the namespace to less of the node's disk than its
// log uses.
func (i *installation) noDisk(t *testing.T) {
	t.Helper()
	little := corev1.ResourceList{corev1.ResourceEphemeralStorage: resource.MustParse("1")}
	_, err := env.cluster.CoreV1().LimitRanges(i.namespace).Create(t.Context(), &corev1.LimitRange{
		ObjectMeta: metav1.ObjectMeta{Name: "no-disk"},
		Spec:       corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{Type: corev1.LimitTypeContainer, Default: little, DefaultRequest: little}}},
	}, metav1.CreateOptions{})
	must(t, err)
}
