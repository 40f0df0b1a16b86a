package lifecycle

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/progress"
)

// noon is what every clock of these tests shows: a Saturday.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

var (
	deployments = appsv1.SchemeGroupVersion.WithResource("deployments")
	claims      = corev1.SchemeGroupVersion.WithResource("persistentvolumeclaims")
	pods        = corev1.SchemeGroupVersion.WithResource("pods")
)

// world is a cluster with an installation d in namespace ci, or room for one:
// an API server that versions objects, the controllers that matter, a daemon,
// and an observer that writes everything down.
type world struct {
	*clustertest.Server
	Instance
	engine *clustertest.Engine

	mu     sync.Mutex
	events []progress.Event
}

func newWorld(t *testing.T, objects ...runtime.Object) *world {
	t.Helper()
	w := &world{Server: clustertest.New(t, append(objects, clustertest.DefaultClass())...), engine: &clustertest.Engine{}}
	w.Instance = Instance{
		Cluster: &kube.Cluster{Client: w.Clientset, Namespace: "ci", Context: "test"}, Name: "d",
		Observer: progress.Func(func(e progress.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		}),
		Connect: func(_ *kube.Cluster, pod string) (Link, error) {
			return link{clustertest.Link{Daemon: w.engine, Pod: pod}}, nil
		},
		Now: func() time.Time { return noon },
	}
	return w
}

// link is a link to the world's daemon.
type link struct{ clustertest.Link }

func (l link) Engine(_ context.Context, credentials *tls.Config) (Engine, error) {
	if err := l.Connect(credentials); err != nil {
		return nil, err
	}
	return l.Daemon, nil
}

// installedWorld is one in which install has run.
func installedWorld(t *testing.T, change func(*dind.Options)) *world {
	t.Helper()
	if change == nil {
		return newWorld(t, defaultInstallation(t)...)
	}
	w := newWorld(t)
	w.install(t, options(change))
	w.forget()
	return w
}

// defaultInstallation is what install leaves behind with the default options.
func defaultInstallation(t *testing.T) []runtime.Object {
	t.Helper()
	return made.Of(t, "d", func() *clustertest.Server {
		w := newWorld(t)
		w.install(t, options(nil))
		return w.Server
	})
}

var made clustertest.Snapshot

// install installs, or the test ends.
func (w *world) install(t *testing.T, o dind.Options) Installation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	outcome, err := w.Install(ctx, o, InstallOptions{SkipPreflight: true})
	if err != nil {
		t.Fatal(err)
	}
	return outcome
}

// forget makes the world as if nobody had ever asked it for anything.
func (w *world) forget() {
	w.ClearActions()
	w.events, w.engine.Asked, w.engine.Closed = nil, nil, 0
}

func options(change func(*dind.Options)) dind.Options {
	o := dind.Defaults()
	o.Namespace, o.Name = "ci", "d"
	if change != nil {
		change(&o)
	}
	return o
}

// change alters an object behind the client's back.
func change[T runtime.Object](t *testing.T, w *world, resource schema.GroupVersionResource, name string, alter func(T)) {
	t.Helper()
	clustertest.Change(t, w.Server, resource, name, alter)
}

// told lists the events but for updates: "Pod started", "Pod done: …".
func (w *world) told() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var lines []string
	for _, e := range w.events {
		switch e.Kind {
		case progress.Started:
			lines = append(lines, e.Step+" started")
		case progress.Done:
			lines = append(lines, e.Step+" done: "+e.Detail)
		case progress.Failed:
			lines = append(lines, e.Step+" failed: "+fmt.Sprint(e.Err))
		case progress.Info:
			lines = append(lines, "info: "+e.Detail)
		case progress.Warning:
			lines = append(lines, "warning: "+e.Detail)
		}
	}
	return lines
}

// checkSteps tells of a step that was not closed exactly once.
func (w *world) checkSteps(t *testing.T) {
	t.Helper()
	open := map[string]int{}
	for _, e := range w.events {
		switch e.Kind {
		case progress.Started:
			open[e.Step]++
		case progress.Done, progress.Failed:
			open[e.Step]--
		case progress.Updated:
			if open[e.Step] != 1 {
				t.Errorf("step %s moved while closed: %+v", e.Step, e)
			}
		}
	}
	for step, n := range open {
		if n != 0 {
			t.Errorf("step %s was left open", step)
		}
	}
}

// verifyWith are the options of a daemon that lets clients in by these authorities.
func verifyWith(authorities *x509.CertPool) x509.VerifyOptions {
	return x509.VerifyOptions{Roots: authorities, CurrentTime: noon, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

var errDown = errors.New("connection refused")
