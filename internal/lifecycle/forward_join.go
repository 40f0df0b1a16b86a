package lifecycle

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"

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
				err = join(f.open, near, far)
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
// first failure.
func join(ctx context.Context, near, far net.Conn) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	closeBoth := func() { _, _ = near.Close(), far.Close() }
	defer closeBoth()
	defer context.AfterFunc(ctx, closeBoth)()
	pass := func(to, from net.Conn) {
		_, err := io.Copy(to, from)
		if half, can := to.(interface{ CloseWrite() error }); err == nil && can {
			err = half.CloseWrite()
		}
		if err != nil {
			end(err)
		}
	}
	var copying sync.WaitGroup
	copying.Go(func() { pass(far, near) })
	copying.Go(func() { pass(near, far) })
	copying.Wait()
	return context.Cause(ctx)
}
