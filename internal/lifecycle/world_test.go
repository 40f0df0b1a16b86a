package lifecycle

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/progress"
)

func secretMeta(name string, labels map[string]string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: "ci", Labels: labels, ResourceVersion: "1", UID: "other"}
}

// refuse makes the server forbid requests.
func refuse(w *world, verb, resource string) { refuseIn(w, metav1.NamespaceAll, verb, resource) }

// refuseIn is refuse for one namespace.
func refuseIn(w *world, namespace, verb, resource string) {
	w.PrependReactor(verb, resource, func(action ktesting.Action) (bool, runtime.Object, error) {
		return namespace == metav1.NamespaceAll || namespace == action.GetNamespace(), nil, apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "", errors.New("no"))
	})
}

func local(o *dind.Options) { o.LocalPath, o.LocalNode = "/mnt/docker", "worker" }

// oldClaim returns a bound claim that dindctl did not create.
func oldClaim() *corev1.PersistentVolumeClaim {
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "old", UID: "old"}}
	claim.Spec.StorageClassName = new("standard")
	clustertest.Bind(claim)
	claim.Spec.Resources.Requests = claim.Status.Capacity
	return claim
}

// noon is the current time in these tests. It is a Saturday.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

var (
	deployments = appsv1.SchemeGroupVersion.WithResource("deployments")
	claims      = corev1.SchemeGroupVersion.WithResource("persistentvolumeclaims")
	pods        = corev1.SchemeGroupVersion.WithResource("pods")
)

// world is the instance d in namespace ci of a fake cluster, with a fake daemon and an
// observer that records all events.
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
		Cluster: &kube.Cluster{Client: w.Clientset, Dynamic: clustertest.NewDynamic(), Namespace: "ci", Context: "test"}, Name: "d",
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

// link connects to the daemon of the world.
type link struct{ clustertest.Link }

func (l link) Engine(_ context.Context, credentials *tls.Config) (Engine, error) {
	if err := l.Connect(credentials); err != nil {
		return nil, err
	}
	return l.Daemon, nil
}

func (l link) Dial(ctx context.Context, credentials *tls.Config) (net.Conn, error) {
	conn, err := l.Link.Dial(ctx, nil)
	if err != nil || credentials == nil {
		return conn, err
	}
	return secured(ctx, conn, credentials)
}

// installedWorld returns a world in which install has run. A nil change means the
// default options.
func installedWorld(t *testing.T, change func(*dind.Options)) *world {
	t.Helper()
	if change == nil {
		return newWorld(t, defaultInstallation(t)...)
	}
	w := newWorld(t)
	w.install(t, options(change))
	w.reset()
	return w
}

// defaultInstallation returns the objects of an install with the default options.
func defaultInstallation(t *testing.T) []runtime.Object {
	t.Helper()
	return snapshot.Of(t, "d", func() *clustertest.Server {
		w := newWorld(t)
		w.install(t, options(nil))
		return w.Server
	})
}

var snapshot clustertest.Snapshot

// install runs install. An error ends the test.
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

// reset discards the recorded requests, events and connections.
func (w *world) reset() {
	w.ClearActions()
	w.events, w.engine.Connected, w.engine.Closed = nil, nil, 0
}

func options(change func(*dind.Options)) dind.Options {
	o := dind.Defaults()
	o.Namespace, o.Name = "ci", "d"
	if change != nil {
		change(&o)
	}
	return o
}

// change changes an object without a request.
func change[T runtime.Object](t *testing.T, w *world, resource schema.GroupVersionResource, name string, change func(T)) {
	t.Helper()
	clustertest.Change(t, w.Server, resource, name, change)
}

// messages returns the events except updates: "Pod started", "Pod done: …".
func (w *world) messages() []string {
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

// checkSteps checks that each step ended exactly once and was updated only before
// that.
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
				t.Errorf("step %s was updated while it was not running: %+v", e.Step, e)
			}
		}
	}
	for step, n := range open {
		if n != 0 {
			t.Errorf("step %s started %d times more often than it ended", step, n)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

var errDown = errors.New("connection refused")
