package lifecycle

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"regexp"
	"sync"
	"sync/atomic"

	"github.com/dindctl/dindctl/internal/tunnel"
)

// serve joins each connection with one of the daemon until the listener is closed.
func (f *Forward) serve() {
	for {
		near, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.serving.Go(func() {
			defer near.Close()
			ctx, cancel := context.WithTimeout(f.open, dialTime)
			far, err := f.link.Dial(ctx, f.credentials)
			cancel()
			if err == nil {
				err = join(f.open, near, far, &f.input)
			}
			// All other ends of a connection are for its two ends to explain.
			if _, refused := errors.AsType[*tunnel.RemoteError](err); far == nil || refused || linkLost(err) {
				f.record(err)
			}
		})
	}
}

// join copies between the connections until both directions have ended, one has failed,
// or ctx ends, and closes both. An end of one direction is passed on. The error is the
// first failure. input is that of requests.
func join(ctx context.Context, near, far net.Conn, input *atomic.Bool) error {
	sent := &requests{Reader: near, input: input}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	closeBoth := func() { _, _ = near.Close(), far.Close() }
	defer closeBoth()
	defer context.AfterFunc(ctx, closeBoth)()
	pass := func(to net.Conn, from io.Reader) {
		_, err := io.Copy(to, from)
		if half, can := to.(interface{ CloseWrite() error }); err == nil && can && (from != sent || !sent.onlyListens()) {
			err = half.CloseWrite()
		}
		if err != nil {
			end(err)
		}
	}
	var copying sync.WaitGroup
	copying.Go(func() { pass(far, sent) })
	copying.Go(func() { pass(near, far) })
	copying.Wait()
	return context.Cause(ctx)
}

// requests are what a client sends over a connection.
type requests struct {
	io.Reader
	output bool         // whether one asked for the output of a container
	input  *atomic.Bool // whether one, of this connection or another, announced input for a container
}

var (
	outputPattern = regexp.MustCompile(`^POST \S*/(containers/[^/ ]+/attach|exec/[^/ ]+/start)\b`)
	inputPattern  = regexp.MustCompile(`^POST \S*/attach\S*[?&]stdin=1\b|"AttachStdin":true`)
)

// Read reads, and looks at the requests. Docker's client writes each at once.
func (r *requests) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if read := p[:n]; bytes.HasPrefix(read, []byte("POST ")) {
		r.output = r.output || outputPattern.Match(read)
		if inputPattern.Match(read) {
			r.input.Store(true)
		}
	}
	return n, err
}

// onlyListens reports whether the client waits for output and has no input. Docker's client
// ends its direction even then. Without TLS that must not be passed on: containerd closes a
// forwarded connection about a second later, and later output would be lost.
func (r *requests) onlyListens() bool { return r.output && !r.input.Load() }
