package steps

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

func board(width int) (*Board, *bytes.Buffer) {
	var out bytes.Buffer
	return &Board{out: &out, width: func() int { return width }}, &out
}

func TestPlain(t *testing.T) {
	b, out := board(0)
	if err := b.Step("build one", time.Minute, func(detail func(string)) error {
		detail("something that only a terminal shows")
		b.Say("said %d", 1)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	if err := b.Step("build two", 9*time.Minute, func(func(string)) error { return broken }); err != broken {
		t.Errorf("got %v", err)
	}
	const want = `start:  build one (usually 60 s)
said 1
done:   build one (took 0s)
start:  build two (usually 9 min)
failed: build two (after 0s)
`
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out, want)
	}
}

// Steps that run side by side each have their line; a line that stays is
// written above them.
func TestTerminal(t *testing.T) {
	b, out := board(60)
	b.stop = make(chan struct{}) // no animation: the test draws
	one, two := &step{title: "one", usually: time.Minute, began: time.Now()}, &step{title: "two", usually: time.Minute, began: time.Now()}
	b.begin(one)
	b.begin(two)
	b.Say("said")
	b.end(one, nil)
	b.end(two, errors.New("broken"))
	const erase = "\x1b[1A\x1b[2K"
	want := "said\n⠋     0s  one (usually 60 s)\n⠋     0s  two (usually 60 s)\n" +
		erase + erase + "✓     0s  one\n⠋     0s  two (usually 60 s)\n" +
		erase + "✗     0s  two\n"
	if out.String() != want {
		t.Errorf("got:\n%q\nwant:\n%q", out, want)
	}
	if b.stop != nil {
		t.Error("the animation continues without a step")
	}
}

func TestAnimation(t *testing.T) {
	b, out := board(60)
	_ = b.Step("one", time.Minute, func(func(string)) error {
		deadline := time.Now().Add(10 * time.Second)
		for time.Now().Before(deadline) {
			b.mu.Lock()
			moved := strings.Contains(out.String(), "⠹")
			b.mu.Unlock()
			if moved {
				return nil
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Error("the line does not move")
		return nil
	})
}

func TestLine(t *testing.T) {
	now := time.Now()
	s := step{title: "compile Kubernetes", usually: 9 * time.Minute, began: now.Add(-252 * time.Second), detail: "package 812, k8s.io/client-go"}
	for width, want := range map[int]string{
		100: "⠋  4m12s  compile Kubernetes (usually 9 min): package 812, k8s.io/client-go",
		20:  "⠋  4m12s  compile K",
	} {
		if got := s.line(0, width, now); got != want {
			t.Errorf("width %d: got %q, want %q", width, got, want)
		}
	}
}

func TestRough(t *testing.T) {
	for d, want := range map[time.Duration]string{15 * time.Second: "15 s", 90 * time.Second: "90 s", 100 * time.Second: "2 min", 9 * time.Minute: "9 min"} {
		if got := rough(d); got != want {
			t.Errorf("rough(%s) = %q, want %q", d, got, want)
		}
	}
}
