// Package tunnel reaches the ports of a pod through the API server, over
// port-forward streams. No local port is opened: a caller gets a net.Conn.
//
// The way leads to 127.0.0.1 inside the pod and passes by Services, DNS and
// NetworkPolicies: an answer proves that the process in the pod works, not
// that anything else in the cluster can reach it.
package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
)

// Dialer opens connections to the ports of one pod. All of them share one
// streaming connection to the API server, opened by the first dial, and opened
// anew by a later one if it has died or does not reply. It is safe for
// concurrent use.
type Dialer struct {
	config         *rest.Config
	url            *url.URL
	namespace, pod string

	// alive ends with Close, and with it every dial under way.
	alive context.Context
	end   context.CancelCauseFunc

	// turn is held, by sending to it, while sessions is in use. A channel and
	// not a mutex, because whoever waits has a deadline.
	turn chan struct{}
	// sessions are those that live; dials share the last one.
	sessions []*session
	requests atomic.Int64
}

// New returns a Dialer for the pod. It sends no request: whether the pod exists
// and may be reached shows with the first dial. The config is copied. Close the
// Dialer when done.
func New(config *rest.Config, namespace, pod string) (*Dialer, error) {
	config = rest.CopyConfig(config)
	config.APIPath = "/api"
	config.GroupVersion = &corev1.SchemeGroupVersion
	// Both kinds of upgrade exist in HTTP/1.1 only.
	config.NextProtos = []string{"http/1.1"}
	if config.UserAgent == "" {
		config.UserAgent = rest.DefaultKubernetesUserAgent()
	}
	base, versioned, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("find the API server's address: %w", err)
	}
	alive, end := context.WithCancelCause(context.Background())
	return &Dialer{
		config:    config,
		url:       base.JoinPath(versioned, "namespaces", namespace, "pods", pod, "portforward"),
		namespace: namespace,
		pod:       pod,
		alive:     alive,
		end:       end,
		turn:      make(chan struct{}, 1),
	}, nil
}

// Open opens the tunnel before it is needed; without it, or where it fails, the
// first dial does. The context bounds the opening alone. The error is an
// *OpenError.
func (d *Dialer) Open(ctx context.Context) error {
	ctx, cancel := endWith(ctx, d.alive)
	defer cancel()
	if _, _, err := d.session(ctx); err != nil {
		return d.openError(err)
	}
	return nil
}

// DialContext opens a connection to a TCP port of the pod. The context bounds
// the dial alone, not the connection's life.
//
// A tunnel that can't be opened gives an *OpenError. The port-forward protocol
// does not say when the connection inside the pod is made, so a process that
// does not listen shows as a *RemoteError in the connection's first Read, and
// here only if the node is quick. A tunnel that breaks later shows as ErrLost.
func (d *Dialer) DialContext(ctx context.Context, port int) (net.Conn, error) {
	if port < 1 || port > 65535 {
		return nil, fmt.Errorf("dial pod %s/%s: %d is not a port", d.namespace, d.pod, port)
	}
	to := addr{pod: d.namespace + "/" + d.pod, port: port}
	ctx, cancel := endWith(ctx, d.alive)
	defer cancel()
	for {
		s, fresh, err := d.session(ctx)
		if err != nil {
			return nil, d.openError(err)
		}
		p, err := s.open(ctx, to, d.requests.Add(1))
		if err == nil {
			return newConn(s, p, to), nil
		}
		var refused *RemoteError
		if errors.As(err, &refused) {
			return nil, refused
		}
		if !errors.Is(err, context.Canceled) {
			s.unfit.Store(true)
		}
		// What is wrong with a shared tunnel is no reason to fail this dial.
		if fresh || ctx.Err() != nil {
			return nil, d.openError(err)
		}
	}
}

// session returns the session to share, opened now (fresh) if there is none.
func (d *Dialer) session(ctx context.Context) (s *session, fresh bool, err error) {
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return nil, false, context.Cause(ctx)
	}
	if ctx.Err() != nil {
		return nil, false, context.Cause(ctx)
	}
	if n := len(d.sessions); n > 0 {
		if s := d.sessions[n-1]; !s.dead() && !s.unfit.Load() {
			return s, false, nil
		}
	}
	s, err = await(ctx, func() (*session, error) { return upgrade(ctx, d.config, d.url) }, (*session).kill)
	if err != nil {
		return nil, false, err
	}
	d.sessions = append(slices.DeleteFunc(d.sessions, (*session).dead), s)
	return s, true, nil
}

// Close ends the tunnel and every dial under way. Connections that are still
// open fail, and are still to be closed by whoever dialled them. Close is
// idempotent, and no dial succeeds after it.
func (d *Dialer) Close() error {
	d.end(net.ErrClosed)
	d.turn <- struct{}{}
	defer func() { <-d.turn }()
	for _, s := range d.sessions {
		s.kill()
	}
	return nil
}

func (d *Dialer) openError(err error) error {
	return &OpenError{Namespace: d.namespace, Pod: d.pod, Err: err}
}
