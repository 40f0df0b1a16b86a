//go:build linux

package terminal

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/dindctl/dindctl/internal/progress"
)

// program is a minimal command that the test binary runs in place of the tests.
// Its step runs until it is interrupted.
func program() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	streams := NewStreams(os.Stdin, os.Stdout, os.Stderr, os.Getenv)
	if ok, err := Confirm(ctx, streams, "Continue?", "yes"); !ok {
		fmt.Fprintln(os.Stderr, "no:", err)
		return
	}
	r := New(streams, Normal)
	defer r.Close()
	r.Println("a line that must stay")
	progress.Step(r, "Claim", func(update func(string)) error {
		// Fits by columns, but the library counts bytes and assumes a wrap.
		update("größer größer größer größer")
		<-ctx.Done()
		return ctx.Err()
	})
}

// The library uses the process's stdin and stdout, so the test needs a process
// with its own terminal.
func TestProgramOnTerminal(t *testing.T) {
	tests := map[string]struct {
		vars  []string
		types map[string]string // input to type once the key is on the screen
		want  []string
	}{
		"Ctrl-C during a step": {
			[]string{"NO_COLOR=1"},
			map[string]string{"[y/N]": "y\n", "⠹": "\x03"},
			[]string{"a line that must stay\n\r⠋ Claim", "\r⠙ Claim  größer größer größer größer\x1b[K\r⠹ Claim", eraseLine + "✗ Claim: stopped\n"},
		},
		"Ctrl-C during a step, in color": {
			nil,
			map[string]string{"[y/N]": "y\n", "⠹": "\x03"},
			[]string{"\x1b[36m⠙\x1b[0m Claim  \x1b[2mgrößer", eraseLine + "\x1b[31m✗\x1b[0m Claim: stopped\n"},
		},
		"Ctrl-C at a question": {
			nil,
			map[string]string{"[y/N]": "\x03"},
			[]string{"Continue? [y/N] ", "\nno: context canceled\n"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPty(t, 40)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, os.Args[0])
			cmd.Env = append([]string{"TERMINAL_TEST_PROGRAM=1", "TERM=xterm"}, tt.vars...)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = p.tty, p.tty, p.tty
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for len(tt.types) > 0 && ctx.Err() == nil {
				for seen, typed := range tt.types {
					if strings.Contains(p.text(), seen) {
						p.master.WriteString(typed)
						delete(tt.types, seen)
					}
				}
				p.more(ctx)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("the program failed: %v", err)
			}
			got := p.close()
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("got\n%q\nwant it to contain\n%q", got, want)
				}
			}
			for name, code := range map[string]string{
				"cursor hidden": "\x1b[?25l", "cursor moved up": "\x1b[F", "white glyph": "\x1b[37m",
			} {
				if strings.Contains(got, code) {
					t.Errorf("%s: %q", name, got)
				}
			}
			if len(tt.vars) > 0 && strings.Contains(strings.ReplaceAll(got, "\x1b[K", ""), "\x1b") {
				t.Errorf("color without permission: %q", got)
			}
		})
	}
}
