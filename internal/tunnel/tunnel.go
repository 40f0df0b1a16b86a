// Package tunnel connects to the ports of a pod through the API server, over
// port-forward streams. It opens no local port: the caller gets a net.Conn.
//
// Connections go to 127.0.0.1 inside the pod, and bypass Services, DNS and
// NetworkPolicies. A response proves that the process in the pod works, but not
// that other pods can reach it.
package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
)

// Dialer opens connections to the ports of one pod. They share one streaming
// connection to the API server. The first dial opens it, and a later dial opens a
// new one if it is lost or unresponsive. A Dialer is safe for concurrent use.
type Dialer struct {
	config         *rest.Config
	url            *url.URL
	namespace, pod string

	// alive is canceled by Close, which cancels pending dials.
	alive context.Context
	end   context.CancelCauseFunc

	// lock guards sessions. It is a channel and not a mutex, because waiting must
	// respect a context. Sending locks, receiving unlocks.
	lock chan struct{}
	// sessions are the open sessions. Dials share the last one.
	sessions []*session
	requests atomic.Int64

	// spdy is set where websockets do not work. patience is websocketTime; tests change it.
	spdy     atomic.Bool
	patience time.Duration
}

// WithoutWebsocket makes the Dialer use SPDY, as KUBECTL_PORT_FORWARD_WEBSOCKETS=false
// does for kubectl.
func (d *Dialer) WithoutWebsocket() { d.spdy.Store(true) }

// New returns a Dialer for the pod. It copies the config and sends no request, so
// a missing pod or permission is reported by the first dial. The caller must close
// the Dialer.
func New(config *rest.Config, namespace, pod string) (*Dialer, error) {
	config = rest.CopyConfig(config)
	config.APIPath = "/api"
	config.GroupVersion = &corev1.SchemeGroupVersion
	// Both kinds of upgrade require HTTP/1.1.
	config.NextProtos = []string{"http/1.1"}
	if config.UserAgent == "" {
		config.UserAgent = rest.DefaultKubernetesUserAgent()
	}
	base, versioned, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("get the API server's address: %w", err)
	}
	alive, end := context.WithCancelCause(context.Background())
	return &Dialer{
		config:    config,
		url:       base.JoinPath(versioned, "namespaces", namespace, "pods", pod, "portforward"),
		namespace: namespace,
		pod:       pod,
		alive:     alive,
		end:       end,
		lock:      make(chan struct{}, 1),
		patience:  websocketTime,
	}, nil
}

// Open opens the tunnel before the first dial. It is optional: dials open the
// tunnel if necessary. ctx applies to Open only, not to the tunnel. The error is
// an *OpenError.
func (d *Dialer) Open(ctx context.Context) error {
	ctx, cancel := endWith(ctx, d.alive)
	defer cancel()
	if _, _, err := d.session(ctx); err != nil {
		return d.openError(err)
	}
	return nil
}

// DialContext opens a connection to a TCP port of the pod. ctx applies to the dial
// only, not to the connection. The connection has a CloseWrite as TCP has.
//
// It returns an *OpenError if the tunnel cannot be opened. The port-forward
// protocol does not report when the connection inside the pod is established. If
// nothing listens on the port, the first Read returns a *RemoteError, or
// DialContext does if the node reports it early enough. If the tunnel breaks
// later, reads and writes return ErrLost.
func (d *Dialer) DialContext(ctx context.Context, port int) (net.Conn, error) {
	if port < 1 || port > 65535 {
		return nil, fmt.Errorf("dial pod %s/%s: invalid port %d", d.namespace, d.pod, port)
	}
	to := addr{pod: d.namespace + "/" + d.pod, port: port}
	ctx, cancel := endWith(ctx, d.alive)
	defer cancel()
	for {
		s, isNew, err := d.session(ctx)
		if err != nil {
			return nil, d.openError(err)
		}
		untried := s.untried.Load()
		p, err := d.open(ctx, s, to)
		if err == nil {
			s.untried.Store(false)
			return newConn(s, p, to), nil
		}
		var refused *RemoteError
		if errors.As(err, &refused) {
			return nil, refused
		}
		if !errors.Is(err, context.Canceled) {
			s.suspect.Store(true)
		}
		if ctx.Err() != nil || isNew && !untried {
			return nil, d.openError(err)
		}
		// If a shared session fails, retry with a new one; if a websocket does, with SPDY.
		if untried {
			d.spdy.Store(true)
			s.kill()
		}
	}
}

// open opens a connection over a session. A websocket that was not tried yet has to prove
// itself in time.
func (d *Dialer) open(ctx context.Context, s *session, to addr) (pair, error) {
	if s.untried.Load() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.patience)
		defer cancel()
	}
	return s.open(ctx, to, d.requests.Add(1))
}

// session returns the shared session. It opens a new one if necessary.
func (d *Dialer) session(ctx context.Context) (s *session, isNew bool, err error) {
	select {
	case d.lock <- struct{}{}:
		defer func() { <-d.lock }()
	case <-ctx.Done():
		return nil, false, context.Cause(ctx)
	}
	if ctx.Err() != nil {
		return nil, false, context.Cause(ctx)
	}
	if n := len(d.sessions); n > 0 {
		if s := d.sessions[n-1]; !s.dead() && !s.suspect.Load() {
			return s, false, nil
		}
	}
	s, err = await(ctx, func() (*session, error) {
		if d.spdy.Load() {
			return upgradeSPDY(ctx, d.config, d.url)
		}
		return upgrade(ctx, d.config, d.url, d.patience)
	}, (*session).kill)
	if err != nil {
		return nil, false, err
	}
	if !s.untried.Load() {
		d.spdy.Store(true) // from now on at once, without waiting for a websocket
	}
	d.sessions = append(slices.DeleteFunc(d.sessions, (*session).dead), s)
	return s, true, nil
}

// Close closes the tunnel and cancels pending dials. Open connections fail, but
// the callers must still close them. Close is idempotent. Later dials fail.
func (d *Dialer) Close() error {
	d.end(net.ErrClosed)
	d.lock <- struct{}{}
	defer func() { <-d.lock }()
	for _, s := range d.sessions {
		s.kill()
	}
	return nil
}

func (d *Dialer) openError(err error) error {
	return &OpenError{Namespace: d.namespace, Pod: d.pod, Err: err}
}
