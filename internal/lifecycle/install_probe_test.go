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

// opened notes to which pods a link was opened, which daemons were asked, and which
// links were closed.
type opened struct{ links, asked, closed []string }

// notingLink is a link that notes what becomes of it.
type notingLink struct {
	Link
	pod  string
	note *opened
}

func (l notingLink) Open(context.Context) error {
	l.note.links = append(l.note.links, l.pod)
	return nil
}

func (l notingLink) Engine(ctx context.Context, credentials *tls.Config) (Engine, error) {
	l.note.asked = append(l.note.asked, l.pod)
	return l.Link.Engine(ctx, credentials)
}

func (l notingLink) Close() error {
	l.note.closed = append(l.note.closed, l.pod)
	return nil
}

func probedWorld(t *testing.T) (*world, *opened) {
	t.Helper()
	w, o := statusWorld(t), &opened{}
	connect := w.Connect
	w.Connect = func(c *kube.Cluster, pod string) (Link, error) {
		inner, err := connect(c, pod)
		return notingLink{inner, pod, o}, err
	}
	return w, o
}

func podNamed(name string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: name, UID: types.UID(name)}}
}

// The link to a pod is opened when its container runs, and the daemon is asked when
// the pod is ready; another pod is another daemon.
func TestReadinessProber(t *testing.T) {
	w, o := probedWorld(t)
	synctest.Test(t, func(t *testing.T) {
		p := &readinessProber{i: w.Instance, ctx: t.Context()}
		defer p.Reset()
		observe := func(pod string, running, answering bool) {
			t.Helper()
			p.Observe(rollout.Status{Pod: podNamed(pod), Running: running, Answering: answering})
			synctest.Wait()
		}
		is := func(what string, got []string, want ...string) {
			t.Helper()
			if !slices.Equal(got, want) {
				t.Errorf("%s: got %q, want %q", what, got, want)
			}
		}
		observe("a", false, false)
		is("links before the container runs", o.links)
		observe("a", true, false)
		observe("a", true, false)
		is("links", o.links, "a")
		observe("b", true, false)
		is("links with a new pod", o.links, "a", "b")
		is("closed", o.closed, "a")
		is("asked before one is ready", o.asked)
		observe("b", true, true)
		observe("b", true, true)
		is("asked", o.asked, "b")
		if info, err := p.probe.daemon(); err != nil || info.Version != "29.7.2" {
			t.Errorf("got %+v, %v", info, err)
		}
	})
}

// One question that cannot be answered does not leave the other one hanging.
func TestReadinessProberFails(t *testing.T) {
	w, _ := probedWorld(t)
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
