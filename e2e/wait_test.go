//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Whatever happens to its watches, install sees that the pod becomes ready.
func TestWaitSurvives(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name          string
		before, while func(t *testing.T, p *injector)
	}{
		{"20 restarts", nil, func(t *testing.T, p *injector) {
			for range 20 {
				p.restart()
				sleep(t, 2*down)
			}
		}},
		{"watches that end every second", func(_ *testing.T, p *injector) { p.endWatches(time.Second) }, func(t *testing.T, _ *injector) { sleep(t, 8*time.Second) }},
		{"watches refused as expired", func(_ *testing.T, p *injector) { p.set(rule{fault: expired, request: anyWatch}) }, nil},
		{"no bookmarks", func(_ *testing.T, p *injector) { p.set(rule{fault: noBookmarks, request: anyWatch}) }, func(t *testing.T, p *injector) { p.restart() }},
		{"compacted history", func(t *testing.T, p *injector) { p.endWatches(time.Second) }, func(t *testing.T, p *injector) {
			compact(t)
			p.restart()
			sleep(t, 2*down)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWaiting(t)
			if test.before != nil {
				test.before(t, w.injector)
			}
			c := w.start(t)
			if test.while != nil {
				test.while(t, w.injector)
			}
			w.admit(t)
			r := c.wait(t).want(t, done)
			if outcome := decode[installed](t, r); outcome.Daemon == nil {
				t.Errorf("no daemon: %s", r.stdout)
			}
			if s := statusOf(t, w.installation); !s.Healthy {
				t.Errorf("not healthy: %+v", s.Problems)
			}
			sent, _ := w.requests()
			t.Logf("%d requests", len(sent))
			if len(sent) > 1000 {
				t.Errorf("install sent %d requests", len(sent))
			}
		})
	}
}

// If the user's permissions are revoked while install waits, install fails as
// soon as it reopens a watch, long before the timeout.
func TestPermissionsRevokedWhileWaiting(t *testing.T) {
	t.Parallel()
	w := newWaiting(t)
	const user = "e2e-revoked"
	allow(t, w.namespace, user, []rbacv1.PolicyRule{{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"*"}}})
	w.endWatches(time.Second)
	c := w.start(t, "--as", user)
	must(t, env.cluster.RbacV1().RoleBindings(w.namespace).Delete(t.Context(), user, metav1.DeleteOptions{}))
	revoked := time.Now()
	r := c.wait(t).want(t, failed)
	t.Logf("failed %.1fs after the permissions were revoked", time.Since(revoked).Seconds())
	failureOf(t, r).names(t, "Forbidden", "watching ", user)
	if took := time.Since(revoked); took > waitTimeout/4 {
		t.Errorf("failed after %v", took)
	}
}

// The kubelet hangs while install waits for its pod. install keeps waiting, and
// succeeds once the kubelet continues. The test needs the embedded cluster,
// whose kubelet it can stop, and DINDCTL_SOAK=1, because the pods of other
// tests wait too.
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
	sleep(t, 6*time.Second)
	must(t, kubelet.Signal(syscall.SIGCONT))
	if outcome := decode[installed](t, c.wait(t).want(t, done)); outcome.Daemon == nil {
		t.Error("install reported no daemon")
	}
	if s := statusOf(t, i); !s.Healthy {
		t.Errorf("not healthy: %+v", s.Problems)
	}
}

// waiting is an installation whose pod finds no node until the test admits it,
// and whose requests go through an injector.
type waiting struct {
	*installation
	*injector
	node, label string
}

const waitTimeout = 2 * time.Minute

func newWaiting(t *testing.T) *waiting {
	t.Helper()
	w := &waiting{installation: inNewNamespace(t, nil), injector: newInjector(t), node: anyNode(t)}
	w.label = "e2e.invalid/" + w.namespace
	t.Cleanup(func() { w.setLabel(t, context.WithoutCancel(t.Context()), "null") })
	return w
}

// start starts an install and returns once it waits for a node.
func (w *waiting) start(t *testing.T, options ...string) *command {
	t.Helper()
	options = w.installOptions(append(options, "-o", "json", "--skip-preflight", "--node-selector", w.label+"=yes",
		"--timeout", waitTimeout.String(), "--kubeconfig", w.injector.kubeconfig)...)
	c := prepare(t, nil, w.command("install", options...)...).start(t)
	eventually(t, "a pod without a node", func(ctx context.Context) (bool, error) {
		return strings.Contains(c.stderr.String(), "No node can take the pod"), nil
	})
	return c
}

// admit makes the node match the pod's node selector.
func (w *waiting) admit(t *testing.T) {
	t.Helper()
	w.setLabel(t, t.Context(), `"yes"`)
}

func (w *waiting) setLabel(t *testing.T, ctx context.Context, value string) {
	t.Helper()
	nodes := got[*corev1.NodeList](t)(env.cluster.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: corev1.LabelHostname + "=" + w.node}))
	for _, node := range nodes.Items {
		patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:%s}}}`, w.label, value)
		_, err := env.cluster.CoreV1().Nodes().Patch(ctx, node.Name, types.MergePatchType, patch, metav1.PatchOptions{})
		must(t, err)
	}
}

// compact makes etcd drop its history, as it does by itself every five minutes.
// Only the embedded cluster allows this.
func compact(t *testing.T) {
	t.Helper()
	if env.audit == "" {
		t.Skip("needs the embedded cluster, whose etcd is open on its node")
	}
	namespace := newNamespace(t)
	createNamespace(t, namespace)
	pod := jobPod(env.newest(), nil, `
etcd() { wget -q -O - --post-data "$2" http://127.0.0.1:2379/v3/kv/$1; }
revision=$(etcd range '{"key": "AA=="}' | sed -n 's/.*"revision":"\([0-9]*\)".*/\1/p')
etcd compaction '{"revision": "'$revision'", "physical": true}'
echo compacted at $revision`)
	pod.Spec.HostNetwork = true
	runPod(t, namespace, pod).want(t, "compacted at ")
}
