//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal: the program uses one end, the test the other.
type terminal struct {
	program *os.File
	test    *os.File
	screen  buffer
	closed  chan struct{}
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	test, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	must(t, unix.IoctlSetPointerInt(int(test.Fd()), unix.TIOCSPTLCK, 0))
	number := got[int](t)(unix.IoctlGetInt(int(test.Fd()), unix.TIOCGPTN))
	program, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	must(t, unix.IoctlSetWinsize(int(program.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 120}))
	x := &terminal{program: program, test: test, closed: make(chan struct{})}
	go func() {
		defer close(x.closed)
		_, _ = io.Copy(&x.screen, test) // ends with EIO when the program's end is closed
	}()
	return x
}

// run runs a command on the terminal. Once the screen shows the text seen, it
// types the text typed. Stdout is also the terminal if onOut is true, and
// otherwise a buffer, as with `> vars.yml`.
func (x *terminal) run(t *testing.T, c *command, onOut bool, seen, typed string) (r result, screen string) {
	t.Helper()
	c.Stdin, c.Stderr = x.program, x.program
	if onOut {
		c.Stdout = x.program
	}
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	c.start(t)
	finished := make(chan struct{})
	typist := make(chan struct{})
	go func() {
		defer close(typist)
		for seen != "" && !strings.Contains(x.screen.String(), seen) {
			select {
			case <-finished:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
		_, _ = io.WriteString(x.test, typed)
	}()
	r = c.wait(t)
	close(finished)
	<-typist
	must(t, x.program.Close())
	<-x.closed
	must(t, x.test.Close())
	t.Logf("on the terminal: %q", x.screen.String())
	return r, x.screen.String()
}

// onTerminal runs the program with stdin and stderr on a terminal, and stdout
// in a buffer.
func onTerminal(t *testing.T, variables []string, args ...string) (r result, screen string) {
	t.Helper()
	return newTerminal(t).run(t, prepare(t, variables, args...), false, "", "")
}

// answering runs the program with all streams on a terminal, and types the keys
// when it asks the question.
func answering(t *testing.T, question, keys string, args ...string) (r result, screen string) {
	t.Helper()
	return newTerminal(t).run(t, prepare(t, nil, args...), true, question, keys)
}
