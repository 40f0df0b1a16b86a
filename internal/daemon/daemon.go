// Package daemon queries a Docker Engine over connections that the caller's Dial
// opens.
package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"
)

// Dial opens a connection to the daemon's API port. It may be called
// concurrently, and may outlive the request that needed the connection, since a
// later request can use it. Engine.Close cancels its context.
type Dial func(ctx context.Context) (net.Conn, error)

// Option changes how Connect reaches the daemon.
type Option func(*options)

type options struct {
	tls *tls.Config
}

// WithTLS connects with TLS. The config must contain the ServerName, which cannot
// be derived from the Dial, and the client certificate.
func WithTLS(config *tls.Config) Option {
	return func(o *options) { o.tls = config.Clone() }
}

// Engine is a connected Docker Engine. It is safe for concurrent use.
type Engine struct {
	client *client.Client
	link   *link
	tls    *tls.Config // nil for plain HTTP
}

// host is the address that the API client requires. It is never resolved or
// dialed. A loopback name is never reached through HTTP_PROXY either.
const host = "tcp://localhost"

// Connect negotiates an API version with the daemon. ctx applies to the
// negotiation, not to the Engine. The caller must close the Engine.
//
// The error is ErrTLSExpected, ErrPlainExpected, an *APIVersionError, or an
// *UnreachableError if no Docker Engine responded.
func Connect(ctx context.Context, dial Dial, opts ...Option) (*Engine, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	l := &link{dial: dial}
	var clientOpts []client.Opt
	if o.tls != nil {
		// Only with TLS: any custom transport makes the client use https.
		clientOpts = append(clientOpts, client.WithHTTPClient(&http.Client{
			Transport:     &http.Transport{TLSClientConfig: o.tls},
			CheckRedirect: client.CheckRedirect,
		}))
	}
	// The order matters: WithHost replaces the client's dialer.
	api, err := client.New(append(clientOpts, client.WithHost(host), client.WithDialContext(l.dialContext))...)
	if err != nil {
		return nil, err
	}
	e := &Engine{client: api, link: l, tls: o.tls}
	if err := e.negotiate(ctx); err != nil {
		_ = e.Close()
		return nil, err
	}
	return e, nil
}

// negotiate negotiates the API version. The client would do so with its first
// request, but would not return the error.
func (e *Engine) negotiate(ctx context.Context) error {
	const doing = "connect to the Docker daemon"
	ping, err := e.client.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
	switch version := ping.APIVersion; {
	case version != "" && versions.LessThan(version, client.MinAPIVersion):
		return newAPIVersionError("", version)
	case err != nil && version == "" && isResponse(err) && !wantsTLS(err):
		return &UnreachableError{Doing: doing, Err: fmt.Errorf("%w (%s)", errNotEngine, excerpt(err))}
	case err != nil:
		return e.explain(ctx, doing, err)
	case version == "":
		return &UnreachableError{Doing: doing, Err: errNotEngine}
	case versions.LessThan(client.MaxAPIVersion, version):
		// A newer daemon may not support the client's versions any more.
		_, err := e.client.ServerVersion(ctx, client.ServerVersionOptions{})
		if err != nil {
			err = e.explain(ctx, doing, err)
			var mismatch *APIVersionError
			if errors.As(err, &mismatch) {
				mismatch.ServerMax = version
			}
			return err
		}
	}
	return nil
}

// Close closes idle connections and cancels pending dials. Requests that are
// still running keep their connection until they return.
func (e *Engine) Close() error { return e.client.Close() }
