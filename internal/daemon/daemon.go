// Package daemon asks a Docker Engine about itself, over connections that
// somebody else knows how to open.
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

// Dial opens a connection to the daemon's API port. It may be called by several
// goroutines at once. It may outlive the call that needed the connection, for
// the next one's sake; Engine.Close ends its context.
type Dial func(ctx context.Context) (net.Conn, error)

// Option changes how Connect reaches the daemon.
type Option func(*options)

type options struct {
	tls *tls.Config
}

// WithTLS speaks TLS to the daemon. The config names the server (ServerName, as
// what is dialled has no name), and holds the client's certificate.
func WithTLS(config *tls.Config) Option {
	return func(o *options) { o.tls = config.Clone() }
}

// Engine is a Docker Engine that answered. It is safe for concurrent use.
type Engine struct {
	client *client.Client
	link   *link
	tls    *tls.Config // nil for plain HTTP
}

// host stands where the API client wants an address. Nothing resolves or dials
// it; being a loopback name, it is also never looked for behind HTTP_PROXY.
const host = "tcp://localhost"

// Connect asks the daemon for its API version and settles on one that both
// sides speak. ctx bounds that exchange, not the Engine's life. Close the Engine
// when done.
//
// It fails with ErrTLSExpected or ErrPlainExpected, with *APIVersionError, and
// with *UnreachableError where no Docker Engine answered.
func Connect(ctx context.Context, dial Dial, opts ...Option) (*Engine, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	l := &link{dial: dial}
	var how []client.Opt
	if o.tls != nil {
		// Only here: a transport given to the client, even an empty one, makes
		// it speak https.
		how = append(how, client.WithHTTPClient(&http.Client{
			Transport:     &http.Transport{TLSClientConfig: o.tls},
			CheckRedirect: client.CheckRedirect,
		}))
	}
	// In this order: WithHost replaces the dialer of the client before it.
	api, err := client.New(append(how, client.WithHost(host), client.WithDialContext(l.dialContext))...)
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

// negotiate settles the API version. The client would do so by itself, with the
// first request, and keep to itself why it failed.
func (e *Engine) negotiate(ctx context.Context) error {
	const doing = "connect to the Docker daemon"
	ping, err := e.client.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
	switch version := ping.APIVersion; {
	case version != "" && versions.LessThan(version, client.MinAPIVersion):
		return newAPIVersionError("", version)
	case err != nil && version == "" && answered(err) && !wantsTLS(err):
		return &UnreachableError{Doing: doing, Err: fmt.Errorf("%w (%s)", errNotEngine, gist(err))}
	case err != nil:
		return e.explain(ctx, doing, err)
	case version == "":
		return &UnreachableError{Doing: doing, Err: errNotEngine}
	case versions.LessThan(client.MaxAPIVersion, version):
		// A newer daemon may have dropped the versions that we speak.
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

// Close closes idle connections and ends dials under way. Calls that still run
// keep theirs until they return.
func (e *Engine) Close() error { return e.client.Close() }
