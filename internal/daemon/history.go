package daemon

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/moby/client/pkg/versions"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// errNoHistory is returned for engines without a build history: those before
// 24.0, whose BuildKit is older than 0.11.
var errNoHistory = errors.New("the engine does not report running builds")

// history is a client of BuildKit's build history. It has a separate connection,
// because gRPC needs HTTP/2.
type history struct {
	conn    *grpc.ClientConn
	control controlapi.ControlClient
}

// history connects to the build history. It returns errNoHistory if the engine
// has none. ctx applies to the dial only. The caller must close conn.
func (e *Engine) history(ctx context.Context) (*history, error) {
	conn, err := e.dialGRPC(ctx)
	if err != nil {
		return nil, err
	}
	var used atomic.Bool
	client, err := grpc.NewClient("passthrough:///localhost",
		// The connection already has TLS if needed, and bypasses proxies.
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy(),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
			if used.Swap(true) {
				return nil, net.ErrClosed // no reconnect: the caller must get the error
			}
			return conn, nil
		}))
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &history{client, controlapi.NewControlClient(client)}, nil
}

// nativeGRPC is the first API version with HTTP/2 on the daemon's port.
// See https://github.com/moby/moby/pull/50744
const nativeGRPC = "1.52"

// dialGRPC opens an HTTP/2 connection to the engine's gRPC services: with the
// /grpc upgrade, which current engines deprecate, or with HTTP/2 from the start if
// the engine has no upgrade.
func (e *Engine) dialGRPC(ctx context.Context) (net.Conn, error) {
	conn, err := e.dialRaw(ctx)
	if err != nil {
		return nil, err
	}
	code, err := upgrade(ctx, conn)
	if err == nil && code == http.StatusSwitchingProtocols {
		return conn, nil
	}
	_ = conn.Close()
	switch {
	case err != nil:
		return nil, err
	case code != http.StatusNotFound:
		return nil, fmt.Errorf("the daemon responded with %d %s to a gRPC upgrade", code, http.StatusText(code))
	case versions.LessThan(e.client.ClientVersion(), nativeGRPC):
		return nil, errNoHistory
	}
	return e.dialRaw(ctx, "h2")
}

// dialRaw opens a connection without the API client. The client can hijack a
// connection, but ignores WithDialContext for that when it uses TLS.
func (e *Engine) dialRaw(ctx context.Context, protocols ...string) (net.Conn, error) {
	conn, err := e.link.dialContext(ctx, "", "")
	if err != nil || e.tls == nil {
		return conn, err
	}
	config := e.tls.Clone()
	config.NextProtos = protocols
	tlsConn := tls.Client(conn, config)
	if err := tlsConn.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return tlsConn, nil
}

// upgrade requests HTTP/2 on the connection and returns the response's code.
func upgrade(ctx context.Context, conn net.Conn) (code int, err error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost/grpc", http.NoBody)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", "h2c")
	if err := request.Write(conn); err != nil {
		return 0, err
	}
	// Byte by byte, so that nothing after the response is consumed.
	response, err := http.ReadResponse(bufio.NewReaderSize(oneByte{conn}, 16), request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, nil
}

// oneByte is a reader that reads one byte at a time.
type oneByte struct{ io.Reader }

func (r oneByte) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(1, len(p))]) }

// running returns the number of running builds.
func (h *history) running(ctx context.Context) (int, error) {
	stream, err := h.control.ListenBuildHistory(ctx, &controlapi.BuildHistoryRequest{ActiveOnly: true, EarlyExit: true})
	if err != nil {
		return 0, historyError(err)
	}
	for n := 0; ; {
		event, err := stream.Recv()
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return 0, historyError(err)
		}
		if event.Type == controlapi.BuildHistoryEventType_STARTED {
			n++
		}
	}
}

// follow returns once it is subscribed. From then on it calls onChange when a
// build starts or ends, until ctx ends or the connection fails. It calls onError
// with the reason.
func (h *history) follow(ctx context.Context, streams *sync.WaitGroup, onChange func(), onError func(error)) error {
	stream, err := h.control.ListenBuildHistory(ctx, &controlapi.BuildHistoryRequest{ActiveOnly: true})
	if err == nil {
		_, err = stream.Header() // BuildKit sends it after subscribing
	}
	if err != nil {
		return err
	}
	streams.Go(func() {
		for {
			if _, err := stream.Recv(); err != nil {
				onError(err)
				return
			}
			onChange()
		}
	})
	return nil
}

// historyError returns errNoHistory if the engine does not know the request.
func historyError(err error) error {
	if status.Code(err) == codes.Unimplemented {
		return errNoHistory
	}
	return err
}
