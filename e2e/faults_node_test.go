//go:build e2e && linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A node whose kubelet hangs while install waits for its pod: install waits on,
// and succeeds once it goes on. Only on the embedded cluster, whose kubelet can
// be stopped from here, and with DINDCTL_SOAK=1: everybody else's pods wait too.
func TestKubeletHangs(t *testing.T) {
	t.Parallel()
	if env.audit == "" || !env.soak {
		t.Skip("needs the embedded cluster and DINDCTL_SOAK=1")
	}
	record := got[[]byte](t)(os.ReadFile(filepath.Join(filepath.Dir(env.audit), "run", "kubelet.pid")))
	var pid int
	_, err := fmt.Sscan(string(record), &pid)
	must(t, err)
	kubelet := got[*os.Process](t)(os.FindProcess(pid))
	i := inNewNamespace(t, nil)
	c := prepare(t, nil, i.command("install", i.installOptions("-o", "json")...)...).start(t)
	eventually(t, "the Deployment", func(ctx context.Context) (bool, error) {
		_, err := env.cluster.AppsV1().Deployments(i.namespace).Get(ctx, i.name, metav1.GetOptions{})
		return err == nil, ignoreNotFound(err)
	})
	t.Cleanup(func() { _ = kubelet.Signal(syscall.SIGCONT) })
	must(t, kubelet.Signal(syscall.SIGSTOP))
	pass(t, 6*time.Second)
	must(t, kubelet.Signal(syscall.SIGCONT))
	if outcome := decode[installed](t, c.wait(t).want(t, done)); outcome.Daemon == nil {
		t.Error("install told no daemon")
	}
	if s := statusOf(t, i); !s.Healthy {
		t.Errorf("not healthy: %+v", s.Problems)
	}
}
