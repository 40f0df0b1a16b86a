package lifecycle

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/rollout"
)

// record has the pods to which links were opened, to whose daemons Engine connected,
// and whose links were closed.
type record struct{ opened, connected, closed []string }

// recordingLink is a link that records its calls.
type recordingLink struct {
	Link
	pod    string
	record *record
}

func (l recordingLink) Open(context.Context) error {
	l.record.opened = append(l.record.opened, l.pod)
	return nil
}

func (l recordingLink) Engine(ctx context.Context, credentials *tls.Config) (Engine, error) {
	l.record.connected = append(l.record.connected, l.pod)
	return l.Link.Engine(ctx, credentials)
}

func (l recordingLink) Close() error {
	l.record.closed = append(l.record.closed, l.pod)
	return nil
}

// recordingWorld returns a world that records the calls of its links.
func recordingWorld(t *testing.T) (*world, *record) {
	t.Helper()
	w, r := statusWorld(t), &record{}
	connect := w.Connect
	w.Connect = func(c *kube.Cluster, pod string) (Link, error) {
		inner, err := connect(c, pod)
		return recordingLink{inner, pod, r}, err
	}
	return w, r
}

func podNamed(name string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: name, UID: types.UID(name)}}
}

// The prober opens the link when the container runs, and connects to the daemon when
// the pod is ready. For a new pod it starts again.
func TestReadinessProber(t *testing.T) {
	w, r := recordingWorld(t)
	synctest.Test(t, func(t *testing.T) {
		p := &readinessProber{i: w.Instance, ctx: t.Context()}
		defer p.Reset()
		observe := func(pod string, running, answering bool) {
			t.Helper()
			p.Observe(rollout.Status{Pod: podNamed(pod), Running: running, Answering: answering})
			synctest.Wait()
		}
		check := func(what string, got []string, want ...string) {
			t.Helper()
			if !slices.Equal(got, want) {
				t.Errorf("%s: got %q, want %q", what, got, want)
			}
		}
		observe("a", false, false)
		check("opened before the container runs", r.opened)
		observe("a", true, false)
		observe("a", true, false)
		check("opened", r.opened, "a")
		observe("b", true, false)
		check("opened with a new pod", r.opened, "a", "b")
		check("closed", r.closed, "a")
		check("connected before a pod is ready", r.connected)
		observe("b", true, true)
		observe("b", true, true)
		check("connected", r.connected, "b")
		if info, err := p.probe.daemon(); err != nil || info.Version != "29.7.2" {
			t.Errorf("got %+v, %v", info, err)
		}
	})
}

// If the daemon cannot be reached, the wait for the Service ends.
func TestReadinessProberFails(t *testing.T) {
	w, _ := recordingWorld(t)
	w.engine.Refuse = errDown
	synctest.Test(t, func(t *testing.T) {
		p := &readinessProber{i: w.Instance, ctx: t.Context()}
		defer p.Reset()
		var daemon *DaemonError
		if err := w.verifyDaemon(podNamed("a"), p, &Installation{}); !errors.As(err, &daemon) {
			t.Errorf("got %v", err)
		}
	})
}
