package tunnel

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// grace is how long the end of one side may take to reach the other: a last
// write to drain, a report to arrive after the data.
const grace = time.Second

// conn is one connection to a port. Streams know no deadlines, a pipe does, so
// callers read from and write to a pipe, and two goroutines pump between its
// far end and the streams. A Write returns once the pump has taken the bytes.
type conn struct {
	net.Conn
	far     net.Conn
	session *session
	pair    pair
	addr    addr

	closeOnce sync.Once
	closing   chan struct{}
	// fault is why the far end closed; set before it does.
	fault error
}

func newConn(s *session, p pair, a addr) *conn {
	near, far := net.Pipe()
	c := &conn{Conn: near, far: far, session: s, pair: p, addr: a, closing: make(chan struct{})}
	var pumps sync.WaitGroup
	pumps.Go(c.upload)
	pumps.Go(c.download)
	pumped := make(chan struct{})
	go func() {
		pumps.Wait()
		s.drop(p.data, p.report)
		close(pumped)
	}()
	go c.enforce(pumped)
	return c
}

// upload pumps what the caller writes, until either side closes.
func (c *conn) upload() {
	_, err := io.Copy(c.pair.data, c.far)
	if err != nil && !errors.Is(err, io.ErrClosedPipe) {
		c.session.kill() // a stream's write fails with the whole tunnel only
	}
	_ = c.pair.data.Close()
	// Nothing is read any more either: free the download of a silent pod.
	_ = c.pair.data.Reset()
}

// download pumps what the pod sends, until either side closes.
func (c *conn) download() {
	if _, err := io.Copy(c.far, c.pair.data); err == nil {
		c.fault = c.explain()
	}
	_ = c.far.Close()
}

// explain says why the data ended. A stream ends in the same way whether the
// pod's process closed it, could not be reached, or the tunnel broke.
func (c *conn) explain() error {
	if err := c.pair.fault(c.addr, c.closing); err != nil {
		return err
	}
	if c.session.dead() {
		return fmt.Errorf("port %d in pod %s: %w", c.addr.port, c.addr.pod, ErrLost)
	}
	return io.EOF
}

// enforce ends the pumps that don't end by themselves after Close, or after
// the tunnel has died.
func (c *conn) enforce(pumped <-chan struct{}) {
	select {
	case <-pumped:
		return
	case <-c.closing:
	case <-c.session.alive.Done():
	}
	timeout := time.NewTimer(grace)
	defer timeout.Stop()
	select {
	case <-pumped:
	case <-timeout.C:
		// A write that does not drain blocks the whole tunnel, not this
		// connection alone; nothing on it can go on.
		c.session.kill()
		c.session.drop(c.pair.data, c.pair.report)
	}
}

// Read returns net.ErrClosed after Close, and otherwise, once everything the
// pod sent has been read, io.EOF, a *RemoteError or ErrLost.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.ended(err) {
		err = c.fault
	} else if err != nil && c.closed() {
		err = net.ErrClosed
	}
	return n, err
}

// Write returns net.ErrClosed after Close, EPIPE after the pod closed the
// connection, a *RemoteError or ErrLost.
func (c *conn) Write(p []byte) (int, error) {
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

// ended says whether err, of the near end, means that the far end has closed.
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

// Close ends both directions. What was written before still goes out.
func (c *conn) Close() error {
	c.closeOnce.Do(func() {
		close(c.closing)
		_ = c.Conn.Close()
	})
	return nil
}

func (c *conn) LocalAddr() net.Addr  { return c.addr }
func (c *conn) RemoteAddr() net.Addr { return c.addr }

// addr is a port of a pod.
type addr struct {
	pod  string
	port int
}

func (addr) Network() string  { return "portforward" }
func (a addr) String() string { return fmt.Sprintf("%s:%d", a.pod, a.port) }
