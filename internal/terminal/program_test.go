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

// program is a command on a terminal, as small as can be; the test binary runs
// it in place of the tests. It waits for a step that does not come to an end.
func program() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	streams := NewStreams(os.Stdin, os.Stdout, os.Stderr, os.Getenv)
	if ok, err := Confirm(ctx, streams, "Go on?", "yes"); !ok {
		fmt.Fprintln(os.Stderr, "no:", err)
		return
	}
	r := New(streams, Normal)
	defer r.Close()
	r.Println("a line that must stay")
	progress.Step(r, "Claim", func(update func(string)) error {
		// Fits in columns; in bytes, the library thinks, it wraps.
		update("größer größer größer größer")
		<-ctx.Done()
		return ctx.Err()
	})
}

// The library looks at stdin and stdout behind our back, so this is seen only
// in a process of its own, with a terminal that is its own, too.
func TestProgramOnATerminal(t *testing.T) {
	tests := map[string]struct {
		vars  []string
		types map[string]string // what is typed once something is on the screen
		want  []string
	}{
		"Ctrl-C at a step": {
			[]string{"NO_COLOR=1"},
			map[string]string{"[y/N]": "y\n", "⠹": "\x03"},
			[]string{"a line that must stay\n\r⠋ Claim", "\r⠙ Claim  größer größer größer größer\x1b[K\r⠹ Claim", eraseLine + "✗ Claim: stopped\n"},
		},
		"Ctrl-C at a step, in colour": {
			nil,
			map[string]string{"[y/N]": "y\n", "⠹": "\x03"},
			[]string{"\x1b[36m⠙\x1b[0m Claim  \x1b[2mgrößer", eraseLine + "\x1b[31m✗\x1b[0m Claim: stopped\n"},
		},
		"Ctrl-C at a question": {
			nil,
			map[string]string{"[y/N]": "\x03"},
			[]string{"Go on? [y/N] ", "\nno: context canceled\n"},
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
				t.Errorf("the program ended with %v", err)
			}
			got := p.close()
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("got\n%q\nwithout\n%q", got, want)
				}
			}
			for name, code := range map[string]string{
				"a hidden cursor": "\x1b[?25l", "a climb": "\x1b[F", "a white glyph": "\x1b[37m",
			} {
				if strings.Contains(got, code) {
					t.Errorf("got %s: %q", name, got)
				}
			}
			if len(tt.vars) > 0 && strings.Contains(strings.ReplaceAll(got, "\x1b[K", ""), "\x1b") {
				t.Errorf("got colour: %q", got)
			}
		})
	}
}
