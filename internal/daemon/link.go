package daemon

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
)

// link dials for the API client and stores the latest connection error, because
// the client replaces some errors with advice about the local machine and
// converts others to text.
type link struct {
	dial Dial

	mu     sync.Mutex
	failed error
}

func (l *link) dialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	conn, err := l.dial(ctx)
	l.mu.Lock()
	l.failed = err
	l.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return &linkConn{Conn: conn, link: l}, nil
}

// failure returns the error of the latest connection, or nil.
func (l *link) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

// linkConn stores its errors in its link, except for the end of the stream and
// errors that this side caused.
type linkConn struct {
	net.Conn
	link *link
}

func (c *linkConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.store(err)
	return n, err
}

func (c *linkConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.store(err)
	return n, err
}

func (c *linkConn) store(err error) {
	if err == nil || err == io.EOF || errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
		return
	}
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	c.link.failed = err
}
