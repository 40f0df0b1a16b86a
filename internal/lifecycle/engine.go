package lifecycle

import (
	"context"
	"errors"
	"net"

	"github.com/dindctl/dindctl/internal/cluster"
	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/tunnel"
)

// PortForward connects to the daemon in the pod through the API server. It
// proves the daemon, not the way a job takes to it: Service, DNS and
// NetworkPolicy are not on this path.
func PortForward(ctx context.Context, c *cluster.Cluster, pod string) (Engine, error) {
	dialer, err := tunnel.New(c.Config, c.Namespace, pod)
	if err != nil {
		return nil, err
	}
	engine, err := daemon.Connect(ctx, func(ctx context.Context) (net.Conn, error) {
		return dialer.DialContext(ctx, dind.PlainPort)
	})
	if err != nil {
		return nil, errors.Join(err, dialer.Close())
	}
	return tunnelled{engine, dialer}, nil
}

// tunnelled closes the tunnel with the engine that speaks through it.
type tunnelled struct {
	*daemon.Engine
	dialer *tunnel.Dialer
}

// Close closes the engine's connections and the tunnel.
func (t tunnelled) Close() error { return errors.Join(t.Engine.Close(), t.dialer.Close()) }

// DaemonError says that the pod is ready and its daemon still could not be
// spoken to.
type DaemonError struct {
	Pod string
	Err error
}

func (e *DaemonError) Error() string {
	return "asking the daemon in pod/" + e.Pod + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *DaemonError) Unwrap() error { return e.Err }
