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

// opened notes for which pods a way was opened, and which were asked or given up.
type opened struct{ ways, connected, left []string }

func aheadWorld(t *testing.T) (*world, *opened) {
	t.Helper()
	w, o := statusWorld(t), &opened{}
	w.Engine = func(ctx context.Context, _ *kube.Cluster, pod string, _ *tls.Config, ready <-chan struct{}) (Engine, error) {
		o.ways = append(o.ways, pod)
		select {
		case <-ready:
			o.connected = append(o.connected, pod)
			return w.engine, w.engine.Refuse
		case <-ctx.Done():
			o.left = append(o.left, pod)
			return nil, ctx.Err()
		}
	}
	return w, o
}

func runningPod(name string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: name, UID: types.UID(name)}}
}

// The way to a pod is opened when its container runs, and the daemon is asked when
// the pod is ready; another pod is another daemon.
func TestAhead(t *testing.T) {
	w, o := aheadWorld(t)
	synctest.Test(t, func(t *testing.T) {
		a := &ahead{i: w.Instance, ctx: t.Context()}
		defer a.stop()
		look := func(pod string, running, answering bool) {
			t.Helper()
			a.look(rollout.Status{Pod: runningPod(pod), Running: running, Answering: answering})
			synctest.Wait()
		}
		is := func(what string, got []string, want ...string) {
			t.Helper()
			if !slices.Equal(got, want) {
				t.Errorf("%s: got %q, want %q", what, got, want)
			}
		}
		look("a", false, false)
		is("ways before the container runs", o.ways)
		look("a", true, false)
		look("a", true, false)
		is("ways", o.ways, "a")
		look("b", true, false)
		is("ways with a new pod", o.ways, "a", "b")
		is("given up", o.left, "a")
		is("asked before one is ready", o.connected)
		look("b", true, true)
		look("b", true, true)
		is("asked", o.connected, "b")
		if info, err := a.daemon.get(); err != nil || info.Version != "29.7.2" {
			t.Errorf("got %+v, %v", info, err)
		}
	})
}

// What cannot be answered does not leave the other question hanging.
func TestAheadFails(t *testing.T) {
	w, _ := aheadWorld(t)
	w.engine.Refuse = errDown
	synctest.Test(t, func(t *testing.T) {
		a := &ahead{i: w.Instance, ctx: t.Context()}
		defer a.stop()
		var daemon *DaemonError
		if err := w.prove(runningPod("a"), a, &Installation{}); !errors.As(err, &daemon) {
			t.Errorf("got %v", err)
		}
	})
}
