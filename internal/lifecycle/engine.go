package lifecycle

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dindctl/dindctl/internal/cluster"
	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/tunnel"
)

// PortForward connects to the daemon in the pod through the API server, once
// ready is closed; a nil ready is none to wait for. It proves the daemon, not the
// way a job takes to it: Service, DNS and NetworkPolicy are not on this path.
func PortForward(ctx context.Context, c *cluster.Cluster, pod string, credentials *tls.Config, ready <-chan struct{}) (Engine, error) {
	dialer, err := tunnel.New(c.Config, c.Namespace, pod)
	if err != nil {
		return nil, err
	}
	if ready != nil {
		_ = dialer.Open(ctx) // where it fails, connecting does again, and says so
		select {
		case <-ready:
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), dialer.Close())
		}
	}
	port := dind.PlainPort
	var how []daemon.Option
	if credentials != nil {
		port, how = dind.TLSPort, append(how, daemon.WithTLS(credentials))
	}
	engine, err := daemon.Connect(ctx, func(ctx context.Context) (net.Conn, error) {
		return dialer.DialContext(ctx, port)
	}, how...)
	if err != nil {
		return nil, errors.Join(err, dialer.Close())
	}
	return tunnelled{engine, dialer}, nil
}

// lostOnTheWay tells whether the way to a pod failed, and not what is at its end:
// another way may be found.
func lostOnTheWay(err error) bool {
	var opening *tunnel.OpenError
	return errors.Is(err, tunnel.ErrLost) || errors.As(err, &opening) && cluster.Transient(opening.Err)
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
	Namespace, Pod string
	Err            error
}

func (e *DaemonError) Error() string {
	return "asking the daemon in pod/" + e.Pod + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *DaemonError) Unwrap() error { return e.Err }

// Advice names the kind of the failure and the way out of it.
func (e *DaemonError) Advice() (reason, hint string) {
	var version *daemon.APIVersionError
	var unread *cluster.ReadError
	var useless *CredentialsError
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(e.Err, &unread) && apierrors.IsForbidden(e.Err):
		return "Forbidden", hintFor(e.Err, "get secrets", "")
	case apierrors.IsForbidden(e.Err):
		return "Forbidden", hintFor(e.Err, "create pods/portforward", "")
	case errors.As(e.Err, &useless):
		return "CertificateInvalid", renewHint
	case errors.As(e.Err, &untrusted):
		return "DaemonUntrusted", renewHint
	case strings.Contains(e.Err.Error(), "remote error: tls:"):
		return "CertificateRefused", renewHint
	case errors.Is(e.Err, daemon.ErrTLSExpected):
		return "DaemonWantsTLS", "DOCKER_TLS_CERTDIR is set in the daemon's pod: `dindctl install` sets it empty."
	case errors.Is(e.Err, daemon.ErrPlainExpected):
		return "DaemonWithoutTLS", "Unset DOCKER_TLS_VERIFY and DOCKER_CERT_PATH wherever this daemon is spoken to."
	case errors.As(e.Err, &version):
		return "DaemonTooOld", "Name an image of Docker Engine 19.03 or later with --image."
	}
	return "DaemonUnreachable", fmt.Sprintf("kubectl logs -n %s %s", e.Namespace, e.Pod)
}
