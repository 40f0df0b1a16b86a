package tunnel

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// grace is the time allowed for a last write to drain after Close, and for the
// node's report to arrive after the data.
const grace = time.Second

// conn is a connection to a port. Streams have no deadlines but pipes do, so the
// caller uses one end of a pipe, and two goroutines copy between the other end and
// the streams. A Write returns once a goroutine has taken the bytes.
type conn struct {
	net.Conn
	far     net.Conn
	session *session
	pair    pair
	addr    addr

	closeOnce sync.Once
	closing   chan struct{}
	// writeEnded is set by CloseWrite.
	writeEnded atomic.Bool
	// fault is the error for reads after far is closed. It is set before that.
	fault error
}

func newConn(s *session, p pair, a addr) *conn {
	near, far := net.Pipe()
	c := &conn{Conn: near, far: far, session: s, pair: p, addr: a, closing: make(chan struct{})}
	var copying sync.WaitGroup
	copying.Go(c.upload)
	copying.Go(c.download)
	done := make(chan struct{})
	go func() {
		copying.Wait()
		s.drop(p.data, p.report)
		close(done)
	}()
	go c.enforceEnd(done)
	return c
}

// upload copies from the caller to the pod until either side closes. After CloseWrite it
// waits for that, so that the pod can still send.
func (c *conn) upload() {
	_, err := io.Copy(c.pair.data, c.far)
	if c.writeEnded.Load() && errors.Is(err, os.ErrDeadlineExceeded) {
		_ = c.pair.data.Close()
		_ = c.far.SetReadDeadline(time.Time{})
		_, err = io.Copy(io.Discard, c.far)
	}
	if err != nil && !errors.Is(err, io.ErrClosedPipe) {
		c.session.kill() // a failed write means that the whole tunnel failed
	}
	_ = c.pair.data.Close()
	// Nothing will be read any more. Unblock download if the pod sends nothing.
	_ = c.pair.data.Reset()
}

// download copies from the pod to the caller until either side closes.
func (c *conn) download() {
	if _, err := io.Copy(c.far, c.pair.data); err == nil {
		c.fault = c.explain()
	}
	_ = c.far.Close()
}

// explain returns the reason for the end of the data. The stream itself ends in
// the same way if the process closes it, is not reachable, or the tunnel breaks.
func (c *conn) explain() error {
	if err := c.pair.fault(c.addr, c.closing); err != nil {
		return err
	}
	if c.session.dead() {
		return fmt.Errorf("port %d in pod %s: %w", c.addr.port, c.addr.pod, ErrLost)
	}
	return io.EOF
}

// enforceEnd kills the session if copying continues after Close or after the loss
// of the tunnel. done is closed when copying has ended.
func (c *conn) enforceEnd(done <-chan struct{}) {
	select {
	case <-done:
		return
	case <-c.closing:
	case <-c.session.alive.Done():
	}
	timeout := time.NewTimer(grace)
	defer timeout.Stop()
	select {
	case <-done:
	case <-timeout.C:
		// A blocked write blocks all connections of the session.
		c.session.kill()
		c.session.drop(c.pair.data, c.pair.report)
	}
}

// Read returns net.ErrClosed after Close. Otherwise it returns io.EOF, a
// *RemoteError or ErrLost after all data from the pod.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.ended(err) {
		err = c.fault
	} else if err != nil && c.closed() {
		err = net.ErrClosed
	}
	return n, err
}

// Write returns net.ErrClosed after Close and CloseWrite, EPIPE after the pod closed
// the connection, a *RemoteError or ErrLost.
func (c *conn) Write(p []byte) (int, error) {
	if c.writeEnded.Load() {
		return 0, net.ErrClosed
	}
	n, err := c.Conn.Write(p)
	if c.ended(err) {
		err = c.fault
		if err == io.EOF {
			err = syscall.EPIPE
		}
	} else if err != nil && c.closed() {
		err = net.ErrClosed
	}
	return n, err
}

// ended reports whether err from the caller's end means that far is closed.
func (c *conn) ended(err error) bool {
	return (err == io.EOF || err == io.ErrClosedPipe) && !c.closed()
}

func (c *conn) closed() bool {
	select {
	case <-c.closing:
		return true
	default:
		return false
	}
}

// CloseWrite ends the direction to the pod, after the data already written. The process
// in the pod reads an end, and can still send. Some nodes, containerd among them, close
// the connection about a second later. It must not be called during a Write.
func (c *conn) CloseWrite() error {
	c.writeEnded.Store(true)
	// A read of the pipe has taken all that was written; this ends the next one.
	return c.far.SetReadDeadline(time.Now())
}

// Close closes both directions. Data already written is still sent.
func (c *conn) Close() error {
	c.closeOnce.Do(func() {
		close(c.closing)
		_ = c.Conn.Close()
	})
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return c.addr }
func (c *conn) RemoteAddr() net.Addr { return c.addr }

// addr is the address of a pod's port.
type addr struct {
	pod  string
	port int
}

func (addr) Network() string  { return "portforward" }
func (a addr) String() string { return fmt.Sprintf("%s:%d", a.pod, a.port) }
