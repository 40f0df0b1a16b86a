package cli

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/kube"
)

// While a command asks, another terminal may select another cluster: the command must
// go on with the first.
func TestOneConnection(t *testing.T) {
	for _, test := range []struct{ args, answer string }{
		{"uninstall --delete-data", "docker-dind\n"},
		{"prune-now --all", "yes\n"},
		{"install --skip-preflight --reuse-options", ""},
		{"options", ""},
	} {
		t.Run(test.args, func(t *testing.T) {
			w, other := installedWorld(t), newWorld(t)
			w.engine.Work = []daemon.Activity{{Builds: 1}}
			w.RunJobs(batchv1.JobComplete, corev1.PodSucceeded, freed)
			first := w.connect
			w.connections = nil
			w.connect = func(c kube.Connection) (*kube.Cluster, error) {
				if len(w.connections) > 0 {
					w.connections = append(w.connections, c)
					return other.cluster, nil
				}
				return first(c)
			}
			w.streams.In, w.streams.InTerminal, w.streams.ErrTerminal = strings.NewReader(test.answer), true, true
			code, _, stderr := w.run(t, strings.Fields(test.args)...)
			if code != 0 || len(w.connections) != 1 || len(other.Actions()) > 0 {
				t.Errorf("code %d, %d connections, %d requests to the other cluster: %s", code, len(w.connections), len(other.Actions()), stderr)
			}
		})
	}
}

// status --watch keeps the last frame while the API server restarts, and ends when the
// credentials are refused.
func TestStatusWatchSurvives(t *testing.T) {
	run := func(t *testing.T, failure error, terminal bool) (w *world, code int, stdout, stderr string) {
		w = newWorld(t)
		w.Idle = true // a pod would be asked over a real connection, in real time
		w.install(t, "--no-wait")
		w.connections = nil
		w.streams.OutTerminal = terminal
		began := time.Now()
		w.PrependReactor("get", "deployments", func(ktesting.Action) (bool, runtime.Object, error) {
			passed := time.Since(began)
			return passed > 7*time.Second && passed < 22*time.Second, nil, failure
		})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(42*time.Second, cancel)
		code, stdout, stderr = w.runUnder(ctx, "dindctl", "status", "--watch")
		return w, code, stdout, stderr
	}
	const notice = "not reachable since 12:00:00: "
	down := errors.New("the server is down")
	t.Run("text", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, code, stdout, stderr := run(t, down, false)
			if code != 130 || strings.Count(stdout, notice) != 1 || strings.Count(stdout, "docker-dind in namespace ci") < 4 || len(w.connections) != 1 {
				t.Errorf("code %d, %d connections, %s%s", code, len(w.connections), stdout, stderr)
			}
		})
	})
	t.Run("on a terminal", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, code, stdout, _ := run(t, down, true)
			if code != 130 || strings.Count(stdout, notice) < 2 {
				t.Errorf("code %d, %q", code, stdout)
			}
			for _, frame := range strings.Split(stdout, "\x1b[H")[1:] {
				if !strings.Contains(frame, "docker-dind in namespace ci") {
					t.Errorf("a frame without the last status: %q", frame)
				}
			}
		})
	})
	for name, failure := range map[string]error{
		"forbidden":    apierrors.NewForbidden(schema.GroupResource{Resource: "deployments"}, "docker-dind", errDown),
		"unauthorized": apierrors.NewUnauthorized("log in"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if _, code, _, stderr := run(t, failure, false); code != 1 || !strings.HasPrefix(stderr, "error: ") {
					t.Errorf("code %d, %s", code, stderr)
				}
			})
		})
	}
}

func TestProgramName(t *testing.T) {
	for startedAs, want := range map[string]string{
		"/usr/bin/dindctl": "dindctl", "bin/kubectl-dindctl": "kubectl dindctl", "kubectl-dindctl.exe": "kubectl dindctl", "dindctl.exe": "dindctl",
	} {
		if got := newWorld(t).app(startedAs).Name; got != want {
			t.Errorf("%s: %s", startedAs, got)
		}
	}
}
