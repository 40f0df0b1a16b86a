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

// errNoHistory is what an engine comes to that keeps no history of builds:
// those before 24.0, whose BuildKit is older than 0.11.
var errNoHistory = errors.New("the engine does not tell which builds run")

// history is the part of an engine's BuildKit that knows the builds. It has a
// connection of its own, as gRPC needs HTTP/2.
type history struct {
	conn    *grpc.ClientConn
	control controlapi.ControlClient
}

// history connects; errNoHistory where there is nothing to connect to. ctx
// bounds the dial alone. Close its connection when done.
func (e *Engine) history(ctx context.Context) (*history, error) {
	conn, err := e.dialGRPC(ctx)
	if err != nil {
		return nil, err
	}
	var given atomic.Bool
	client, err := grpc.NewClient("passthrough:///localhost",
		// The connection has its own security, and its own way past proxies.
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithNoProxy(),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
			if given.Swap(true) {
				return nil, net.ErrClosed // a lost connection is the caller's to know of
			}
			return conn, nil
		}))
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &history{client, controlapi.NewControlClient(client)}, nil
}

// nativeGRPC is the API version from which the daemon speaks HTTP/2 on its port.
// See https://github.com/moby/moby/pull/50744
const nativeGRPC = "1.52"

// dialGRPC opens a connection that speaks HTTP/2 with the engine's gRPC
// services: by an upgrade that every engine knows and the current ones deprecate,
// and where it is gone by HTTP/2 from the start.
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
		return nil, fmt.Errorf("the daemon answered %d %s to a request for gRPC", code, http.StatusText(code))
	case versions.LessThan(e.client.ClientVersion(), nativeGRPC):
		return nil, errNoHistory
	}
	return e.dialRaw(ctx, "h2")
}

// dialRaw opens a connection that the API client does not know of. The client
// could hijack one of its own, but with TLS it dials past WithDialContext.
func (e *Engine) dialRaw(ctx context.Context, protocols ...string) (net.Conn, error) {
	conn, err := e.link.dialContext(ctx, "", "")
	if err != nil || e.tls == nil {
		return conn, err
	}
	config := e.tls.Clone()
	config.NextProtos = protocols
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secured, nil
}

// upgrade asks for HTTP/2 on the connection and gives the answer's code.
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
	// Byte by byte: what follows the answer is not this reader's.
	response, err := http.ReadResponse(bufio.NewReaderSize(oneByte{conn}, 16), request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, nil
}

// oneByte reads a byte at a time.
type oneByte struct{ io.Reader }

func (r oneByte) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(1, len(p))]) }

// running counts the builds that run now.
func (h *history) running(ctx context.Context) (int, error) {
	stream, err := h.control.ListenBuildHistory(ctx, &controlapi.BuildHistoryRequest{ActiveOnly: true, EarlyExit: true})
	if err != nil {
		return 0, unseen(err)
	}
	for n := 0; ; {
		event, err := stream.Recv()
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return 0, unseen(err)
		}
		if event.Type == controlapi.BuildHistoryEventType_STARTED {
			n++
		}
	}
}

// follow starts to listen, and then calls changed for every build that starts or
// ends, until ctx ends or the connection is lost, which it tells lost.
func (h *history) follow(ctx context.Context, streams *sync.WaitGroup, changed func(), lost func(error)) error {
	stream, err := h.control.ListenBuildHistory(ctx, &controlapi.BuildHistoryRequest{ActiveOnly: true})
	if err == nil {
		_, err = stream.Header() // it listens once this is there
	}
	if err != nil {
		return err
	}
	streams.Go(func() {
		for {
			if _, err := stream.Recv(); err != nil {
				lost(err)
				return
			}
			changed()
		}
	})
	return nil
}

// unseen makes errNoHistory of the answer of an engine that keeps none.
func unseen(err error) error {
	if status.Code(err) == codes.Unimplemented {
		return errNoHistory
	}
	return err
}
