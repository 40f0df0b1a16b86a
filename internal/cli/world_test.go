package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/terminal"
)

var updateGolden = flag.Bool("update", false, "rewrite the golden files")

// golden compares the output with testdata/NAME.golden.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *updateGolden {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// world is a program with its streams and a cluster: a server that versions
// objects and controllers that act immediately.
type world struct {
	*clustertest.Server
	program
	cluster *kube.Cluster
	env     map[string]string
	engine  clustertest.Engine
	out     bytes.Buffer
	err     bytes.Buffer
	// connections are those that the program requested.
	connections []kube.Connection
}

func newWorld(t *testing.T, objects ...runtime.Object) *world {
	t.Helper()
	w := &world{Server: clustertest.New(t, objects...), env: map[string]string{}}
	w.JobsTake = 500 * time.Millisecond
	w.cluster = &kube.Cluster{Client: w.Clientset, Dynamic: clustertest.NewDynamic(), Namespace: "ci", Context: "test"}
	w.program = program{
		lookup: func(name string) (string, bool) {
			value, set := w.env[name]
			return value, set
		},
		streams: terminal.Streams{In: strings.NewReader(""), Out: &w.out, Err: &w.err},
		connect: func(c kube.Connection) (*kube.Cluster, error) {
			w.connections = append(w.connections, c)
			return w.cluster, nil
		},
		daemon: func(_ *kube.Cluster, pod string) (lifecycle.Link, error) {
			return link{clustertest.Link{Daemon: &w.engine, Pod: pod}}, nil
		},
		now: func() time.Time { return noon },
	}
	return w
}

// link connects to the daemon of the world.
type link struct{ clustertest.Link }

func (l link) Engine(_ context.Context, credentials *tls.Config) (lifecycle.Engine, error) {
	if err := l.Connect(credentials); err != nil {
		return nil, err
	}
	return l.Daemon, nil
}

// installedWorld returns a world in which install has run with these options.
func installedWorld(t *testing.T, args ...string) *world {
	t.Helper()
	if len(args) == 0 {
		return newWorld(t, defaultInstallation(t)...)
	}
	w := newWorld(t)
	w.install(t, args...)
	return w
}

func (w *world) install(t *testing.T, args ...string) {
	t.Helper()
	if code, _, stderr := w.run(t, append([]string{"install", "--skip-preflight"}, args...)...); code != 0 {
		t.Fatalf("install: %d\n%s", code, stderr)
	}
	w.ClearActions()
}

// defaultInstallation returns the objects of an install without options.
func defaultInstallation(t *testing.T) []runtime.Object {
	t.Helper()
	return made.Of(t, "docker-dind", func() *clustertest.Server {
		w := newWorld(t)
		w.install(t)
		return w.Server
	})
}

var made clustertest.Snapshot

// withExec sets the output of commands in the pod; "" forbids them.
func (w *world) withExec(t *testing.T, out string) {
	t.Helper()
	serve := clustertest.Prints(out)
	if out == "" {
		serve = clustertest.Forbids
	}
	w.cluster.Config, w.cluster.Client = w.Server.WithExec(t, serve)
}

// elapsed matches the duration of a step, which varies.
var elapsed = regexp.MustCompile(` \([0-9.]+m?s\)`)

// run runs a command line and returns its exit code and output.
func (w *world) run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return w.runUnder(ctx, append([]string{"dindctl"}, args...)...)
}

func (w *world) runUnder(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	w.out.Reset()
	w.err.Reset()
	w.args = args
	code = w.program.run(ctx, args)
	return code, w.out.String(), elapsed.ReplaceAllString(w.err.String(), "")
}

var errDown = errors.New("connection refused")
