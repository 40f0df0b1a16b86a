package tunnel

import (
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

func endWrite(conn net.Conn) error { return conn.(interface{ CloseWrite() error }).CloseWrite() }

// After CloseWrite the process in the pod reads an end, and its response still arrives.
func TestCloseWrite(t *testing.T) {
	overBoth(t, func(t *testing.T, a *apiServer) {
		d := a.dialer(t)
		conn, other := dial(t, d, listen(t, func(c net.Conn) {
			n, _ := io.Copy(io.Discard, c)
			_, _ = fmt.Fprintf(c, "%d bytes", n)
		})), dial(t, d, listen(t, echo))
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err := conn.Write(make([]byte, 100_000)); err != nil {
			t.Fatal(err)
		}
		if err := endWrite(conn); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write: %v, want net.ErrClosed", err)
		}
		if got, err := io.ReadAll(conn); err != nil || string(got) != "100000 bytes" {
			t.Errorf("read %q, %v", got, err)
		}
		exchange(t, other, "the other connection works")
	})
}

// A half-closed connection to a silent process can be closed.
func TestCloseAfterCloseWrite(t *testing.T) {
	overBoth(t, func(t *testing.T, a *apiServer) {
		d := a.dialer(t)
		conn, other := dial(t, d, listen(t, unresponsive(t))), dial(t, d, listen(t, echo))
		_ = endWrite(conn)
		exchange(t, other, "the other connection works")
		_ = conn.Close()
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read: %v, want net.ErrClosed", err)
		}
		time.Sleep(grace + 100*time.Millisecond) // longer than a blocked tunnel is kept
		exchange(t, other, "the other connection still works")
	})
}
