package lifecycle

import (
	"context"
	"crypto/tls"
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/tunnel"
)

// A lost link is opened again. A daemon that does not answer is not tried again.
func TestLostLinkIsOpenedAgain(t *testing.T) {
	cut := &tunnel.OpenError{Namespace: "ci", Pod: "d-abc-1", Err: syscall.ECONNRESET}
	tests := []struct {
		name          string
		opening, info error // errors of the first attempt
		attempts      int
		healthy       bool
	}{
		{"the API server resets the connection", cut, nil, 2, true},
		{"the tunnel is lost", nil, fmt.Errorf("info: %w", tunnel.ErrLost), 2, true},
		{"the port is closed", nil, &tunnel.RemoteError{Pod: "ci/d-abc-1", Port: 2375, Message: "connection refused"}, 1, false},
		{"not allowed", &tunnel.OpenError{Err: errDown}, nil, 1, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := statusWorld(t)
			connect, attempts := w.Connect, 0
			w.Connect = func(c *kube.Cluster, pod string) (Link, error) {
				inner, err := connect(c, pod)
				if attempts++; attempts > 1 {
					return inner, err
				}
				return failingLink{inner, failingEngine{w.engine, test.info}, test.opening}, err
			}
			status, err := w.Status(t.Context())
			if err != nil || status.Healthy != test.healthy || (status.Daemon != nil) != test.healthy || attempts != test.attempts {
				t.Errorf("%d attempts, got %+v, %v", attempts, status, err)
			}
			attempts = 0
			synctest.Test(t, func(t *testing.T) {
				if _, err := w.daemonInfo(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "d-abc-1"}}); (err == nil) != test.healthy || attempts != test.attempts {
					t.Errorf("daemonInfo: %v after %d attempts", err, attempts)
				}
			})
		})
	}
}

// failingLink is a link that cannot be opened or returns a failing Engine.
type failingLink struct {
	Link
	engine  failingEngine
	opening error
}

func (l failingLink) Engine(context.Context, *tls.Config) (Engine, error) {
	if l.opening != nil {
		return nil, l.opening
	}
	return l.engine, nil
}

// failingEngine is an Engine whose Info fails.
type failingEngine struct {
	Engine
	err error
}

func (f failingEngine) Info(context.Context) (daemon.Info, error) { return daemon.Info{}, f.err }
