package tunnel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	subprotocol "k8s.io/apimachinery/pkg/util/portforward"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/websocket"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"

	"github.com/dindctl/dindctl/internal/kube"
)

// websocketTime is how long a websocket may take to open and to carry its first streams.
// Some proxies swallow what they do not understand.
const websocketTime = 10 * time.Second

// upgrade opens a streaming connection with a websocket or, if a proxy or server
// does not support websockets or does not answer, with a SPDY upgrade.
//
// client-go has dialers for both, but they take no context, and the SPDY dialer
// drops the status of an error response.
func upgrade(ctx context.Context, config *rest.Config, target *url.URL, patience time.Duration) (*session, error) {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s, err := upgradeWebsocket(limited, config, target)
	if err == nil {
		s.untried.Store(true)
		return s, nil
	}
	status := statusOf(err)
	if ctx.Err() == nil && shouldTrySPDY(err, status) {
		var spdyErr error
		if s, spdyErr = upgradeSPDY(ctx, config, target); spdyErr == nil {
			return s, nil
		}
		if refused := statusOf(spdyErr); refused != nil || status == nil {
			status, err = refused, fmt.Errorf("%w; and without a websocket: %w", err, spdyErr)
		}
	}
	if status != nil {
		return nil, status
	}
	return nil, err
}

// shouldTrySPDY reports whether a SPDY upgrade may succeed after a failed
// websocket upgrade. It may even after Forbidden, because the websocket upgrade
// needs the permission "get" and the SPDY upgrade "create".
func shouldTrySPDY(err error, status *apierrors.StatusError) bool {
	if status != nil && (apierrors.IsNotFound(status) || apierrors.IsUnauthorized(status)) {
		return false
	}
	return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err) || kube.Cut(err) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}

// statusOf returns the API server's error within err, or nil. It is needed because
// UpgradeFailureError has no Unwrap method.
func statusOf(err error) *apierrors.StatusError {
	var failure *httpstream.UpgradeFailureError
	if errors.As(err, &failure) {
		err = failure.Cause
	}
	var status *apierrors.StatusError
	errors.As(err, &status)
	return status
}

func upgradeWebsocket(ctx context.Context, config *rest.Config, target *url.URL) (*session, error) {
	transport, holder, err := websocket.RoundTripperFor(config)
	if err != nil {
		return nil, err
	}
	// The handshake respects the context's deadline, but not its cancellation.
	release := func() bool { return true }
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) {
		release = context.AfterFunc(ctx, func() { _ = got.Conn.Close() })
	}})
	req, err := http.NewRequestWithContext(traced, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, err
	}
	ws, err := websocket.Negotiate(transport, holder, req, subprotocol.WebsocketsSPDYTunnelingPortForwardV1)
	if !release() {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	return newSession(portforward.NewTunnelingConnectionWithLogger(logr.Discard(), ws))
}

func upgradeSPDY(ctx context.Context, config *rest.Config, target *url.URL) (*session, error) {
	transport, err := rest.TransportFor(config)
	if err != nil {
		return nil, err
	}
	var raw net.Conn
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) {
		raw = got.Conn
	}})
	req, err := http.NewRequestWithContext(traced, http.MethodPost, target.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set(httpstream.HeaderConnection, httpstream.HeaderUpgrade)
	req.Header.Set(httpstream.HeaderUpgrade, spdy.HeaderSpdy31)
	req.Header.Set(httpstream.HeaderProtocolVersion, portforward.PortForwardProtocolV1Name)
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, upgraded := resp.Body.(io.ReadWriteCloser)
	if resp.StatusCode != http.StatusSwitchingProtocols || !upgraded {
		defer func() { _ = raw.Close() }() // otherwise the transport keeps it
		defer func() { _ = resp.Body.Close() }()
		return nil, refusal(resp)
	}
	if got := resp.Header.Get(httpstream.HeaderProtocolVersion); got != portforward.PortForwardProtocolV1Name {
		_ = body.Close()
		return nil, fmt.Errorf("the server uses protocol %q, want %q", got, portforward.PortForwardProtocolV1Name)
	}
	return newSession(upgradedConn{Conn: raw, body: body})
}

// refusal converts an error response to an *apierrors.StatusError.
func refusal(resp *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("read the server's response (%s): %w", resp.Status, err)
	}
	var status metav1.Status
	if json.Unmarshal(text, &status) == nil && status.Kind == "Status" && status.Code != 0 {
		return &apierrors.StatusError{ErrStatus: status}
	}
	return apierrors.NewGenericServerResponse(resp.StatusCode, "create",
		schema.GroupResource{Resource: "pods/portforward"}, "", strings.TrimSpace(string(text)), 0, true)
}

// upgradedConn is a connection that net/http upgraded. Reads and writes use body,
// which may have buffered data.
type upgradedConn struct {
	net.Conn
	body io.ReadWriteCloser
}

func (c upgradedConn) Read(p []byte) (int, error)  { return c.body.Read(p) }
func (c upgradedConn) Write(p []byte) (int, error) { return c.body.Write(p) }
func (c upgradedConn) Close() error                { return c.body.Close() }
