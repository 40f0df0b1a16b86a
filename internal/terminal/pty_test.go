//go:build linux

package terminal

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// pty is a pseudo-terminal. The program under test uses tty, the test master.
type pty struct {
	tty    *os.File
	master *os.File

	mu  sync.Mutex
	got bytes.Buffer
	new chan struct{} // receives after new output
	eof chan struct{}
}

// newPty opens a terminal with this number of columns. It does not change bytes,
// and collects all output.
func newPty(t *testing.T, columns uint16) *pty {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no pseudo-terminal available: %v", err)
	}
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatalf("unlock: %v", err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatalf("number: %v", err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	modes, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatalf("modes: %v", err)
	}
	modes.Oflag &^= unix.OPOST
	if err := unix.IoctlSetTermios(int(tty.Fd()), unix.TCSETS, modes); err != nil {
		t.Fatalf("raw: %v", err)
	}
	p := &pty{tty: tty, master: master, new: make(chan struct{}, 1), eof: make(chan struct{})}
	p.resize(t, columns)
	go func() {
		defer close(p.eof)
		io.Copy(p, master) // ends with EIO when the last tty is closed
	}()
	t.Cleanup(func() { p.close() })
	return p
}

func (p *pty) resize(t *testing.T, columns uint16) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(p.tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
		t.Fatalf("size: %v", err)
	}
}

// Write stores output that master received.
func (p *pty) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case p.new <- struct{}{}:
	default:
	}
	return p.got.Write(b)
}

// text returns all output so far.
func (p *pty) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.got.String()
}

// more waits for new output.
func (p *pty) more(ctx context.Context) {
	select {
	case <-p.new:
	case <-p.eof:
	case <-ctx.Done():
	}
}

// close closes the terminal and returns all output.
func (p *pty) close() string {
	p.tty.Close()
	<-p.eof
	p.master.Close()
	return p.text()
}

func environment(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}
