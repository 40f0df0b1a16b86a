package terminal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dindctl/dindctl/internal/progress"
)

// act is an event of a script and its time since the start of the script.
type act struct {
	at time.Duration
	e  progress.Event
}

const (
	ms  = time.Millisecond
	sec = time.Second
)

func started(name string) progress.Event {
	return progress.Event{Kind: progress.Started, Step: name}
}

func updated(name, detail string) progress.Event {
	return progress.Event{Kind: progress.Updated, Step: name, Detail: detail}
}

func done(name, detail string) progress.Event {
	return progress.Event{Kind: progress.Done, Step: name, Detail: detail}
}

func failed(name string, err error) progress.Event {
	return progress.Event{Kind: progress.Failed, Step: name, Err: err}
}

func warning(line string) progress.Event {
	return progress.Event{Kind: progress.Warning, Detail: line}
}

func info(line string) progress.Event {
	return progress.Event{Kind: progress.Info, Detail: line}
}

// play sends the events of a script. It must run in a synctest bubble.
func play(o progress.Observer, script []act) {
	begin := time.Now()
	for _, a := range script {
		time.Sleep(time.Until(begin.Add(a.at)))
		synctest.Wait()
		o.Observe(a.e)
	}
}

func TestPlain(t *testing.T) {
	slow := []act{
		{0, started("Claim")},
		{100 * ms, updated("Claim", "waiting")},
		{5 * sec, updated("Claim", "bound")},
		{5*sec + 100*ms, done("Claim", "bound")},
	}
	tests := map[string]struct {
		mode   Mode
		script []act
		want   string
	}{
		"quick step is one line": {Normal, []act{
			{0, started("Claim")}, {100 * ms, updated("Claim", "waiting")},
			{500 * ms, updated("Claim", "bound")}, {900 * ms, done("Claim", "bound")},
		}, "Claim: bound (0.9s)\n"},
		"very quick step has no time": {Normal, []act{
			{0, started("Claim")}, {99 * ms, done("Claim", "unchanged")},
		}, "Claim: unchanged\n"},
		"quick step without result": {Normal, []act{
			{0, started("Connect")}, {200 * ms, done("Connect", "")},
		}, "Connect: done (0.2s)\n"},
		"slow step has a first line": {Normal, slow,
			"Claim: waiting\nClaim: bound (5.1s)\n"},
		"slow step without a detail": {Normal, []act{
			{0, started("Pod")}, {3 * sec, done("Pod", "")},
		}, "Pod ...\nPod: done (3.0s)\n"},
		"first detail after the first line": {Normal, []act{
			{0, started("Pod")}, {2 * sec, updated("Pod", "pulling")}, {4 * sec, done("Pod", "ready")},
		}, "Pod ...\nPod: pulling\nPod: ready (4.0s)\n"},
		"quick details are all printed": {Normal, []act{
			{0, started("Pod")}, {2000 * ms, updated("Pod", "a")}, {2010 * ms, updated("Pod", "b")},
			{2020 * ms, updated("Pod", "c")}, {2030 * ms, done("Pod", "ready")},
		}, "Pod ...\nPod: a\nPod: b\nPod: c\nPod: ready (2.0s)\n"},
		"repeated details are printed once": {Normal, []act{
			{0, started("Pod")}, {2 * sec, updated("Pod", "starting")}, {4 * sec, updated("Pod", "crashed")},
			{6 * sec, updated("Pod", "starting")}, {8 * sec, updated("Pod", "crashed")}, {10 * sec, done("Pod", "crashed")},
		}, "Pod ...\nPod: starting\nPod: crashed\nPod: done (10.0s)\n"},
		"printed detail is not repeated as the result": {Normal, []act{
			{0, started("Pod")}, {500 * ms, updated("Pod", "pulling")}, {3 * sec, done("Pod", "pulling")},
		}, "Pod: pulling\nPod: done (3.0s)\n"},
		"quick failure": {Normal, []act{
			{0, started("Pod")}, {100 * ms, updated("Pod", "pulling")},
			{200 * ms, failed("Pod", errors.New("no\nsuch image"))},
		}, "Pod: failed\n"},
		"slow failure prints the last detail": {Normal, []act{
			{0, started("Pod")}, {2 * sec, updated("Pod", "pulling")}, {2100 * ms, failed("Pod", errors.New("no such image"))},
		}, "Pod ...\nPod: pulling\nPod: failed\n"},
		"failure without an error": {Normal, []act{
			{0, started("Pod")}, {0, failed("Pod", nil)},
		}, "Pod: failed\n"},
		"canceled step is stopped": {Normal, []act{
			{0, started("Pod")}, {0, failed("Pod", fmt.Errorf("wait: %w", context.Canceled))},
		}, "Pod: stopped\n"},
		"concurrent steps": {Normal, []act{
			{0, started("Claim")}, {100 * ms, started("Pod")}, {200 * ms, updated("Pod", "pulling")},
			{1500 * ms, done("Claim", "bound")}, {2 * sec, done("Pod", "ready")},
		}, "Claim ...\nPod: pulling\nClaim: bound (1.5s)\nPod: ready (1.9s)\n"},
		"repeated step": {Normal, []act{
			{0, started("Pod")}, {2 * sec, failed("Pod", nil)}, {3 * sec, started("Pod")}, {3200 * ms, done("Pod", "ready")},
		}, "Pod ...\nPod: failed\nPod: ready (0.2s)\n"},
		"updates and ends without a start": {Normal, []act{
			{0, updated("A", "x")}, {0, done("B", "fine")}, {0, failed("C", nil)},
		}, "B: fine\nC: failed\n"},
		"repeated messages are printed once": {Normal, []act{
			{0, info("using context\tkind")}, {0, warning("old engine")}, {0, warning("old engine")}, {0, info("using context\tkind")},
		}, "using context kind\nWarning: old engine\n"},
		"text is sanitized": {Normal, []act{
			{0, started("P\x1b[2Jod")}, {2 * sec, updated("P\x1b[2Jod", "\x1b]0;x\x07a\nb")}, {3 * sec, done("P\x1b[2Jod", "c\r")},
		}, "Pod ...\nPod: a b\nPod: c (3.0s)\n"},

		"quiet": {Quiet, append(append([]act{}, slow...),
			act{6 * sec, info("note")}, act{6 * sec, warning("old engine")}, act{6 * sec, failed("Pod", errors.New("no"))}),
			"Warning: old engine\n"},

		"verbose prints every event": {Verbose, append(append([]act{}, slow...), act{6 * sec, info("note")}),
			"Claim ...\nClaim: waiting\nClaim: bound\nClaim: done (5.1s)\nnote\n"},
		"verbose prints repeated details": {Verbose, []act{
			{0, started("Pod")}, {0, updated("Pod", "a")}, {0, updated("Pod", "a")}, {0, updated("Pod", "b")},
			{0, updated("Pod", "a")}, {0, done("Pod", "ready")},
		}, "Pod ...\nPod: a\nPod: b\nPod: a\nPod: ready\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out, err bytes.Buffer
				r := New(Streams{Out: &out, Err: &err}, tt.mode)
				play(r, tt.script)
				time.Sleep(time.Minute) // longer than every timer
				r.Close()
				if err.String() != tt.want {
					t.Errorf("got\n%s\nwant\n%s", err.String(), tt.want)
				}
				if out.Len() > 0 {
					t.Errorf("stdout is %q, want nothing", out.String())
				}
			})
		})
	}
}

func TestPlainClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var err bytes.Buffer
		r := New(Streams{Err: &err}, Normal)
		play(r, []act{{0, started("Pod")}, {2 * sec, updated("Pod", "pulling")}, {2 * sec, started("Claim")}})
		r.Close()
		r.Close()
		play(r, []act{{0, started("Late")}, {2 * sec, done("Pod", "ready")}, {3 * sec, warning("late")}})
		r.Println("the end")
		if want := "Pod ...\nthe end\n"; err.String() != want {
			t.Errorf("got %q, want %q", err.String(), want)
		}
	})
}

func TestPlainPrintsInEveryMode(t *testing.T) {
	for _, mode := range []Mode{Normal, Quiet, Verbose} {
		var err bytes.Buffer
		r := New(Streams{Err: &err}, mode)
		r.Println("a line")
		r.Close()
		if want := "a line\n"; err.String() != want {
			t.Errorf("mode %d: %q, want %q", mode, err.String(), want)
		}
	}
}

// Concurrent steps do not mix their lines. Also run with the race detector.
func TestPlainConcurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var err bytes.Buffer
		r := New(Streams{Err: &err}, Normal)
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				progress.Step(r, fmt.Sprintf("step %02d", i), func(update func(string)) error {
					time.Sleep(2 * sec)
					update("detail")
					time.Sleep(sec)
					return nil
				})
			})
		}
		wg.Wait()
		r.Close()
		lines := map[string]int{}
		for _, line := range bytes.Split(bytes.TrimSpace(err.Bytes()), []byte("\n")) {
			lines[string(line)]++
		}
		for i := range 20 {
			for _, end := range []string{" ...", ": detail", ": done (3.0s)"} {
				if line := fmt.Sprintf("step %02d%s", i, end); lines[line] != 1 {
					t.Errorf("%q is printed %d times, want once", line, lines[line])
				}
			}
		}
	})
}

// A timer's callback prints nothing if the step ends or the renderer is closed
// while the callback waits for the lock.
func TestPlainLateTimer(t *testing.T) {
	for name, meanwhile := range map[string]func(*plain){
		"step ended": func(p *plain) { p.end(p.open[0]) },
		"closed":     func(p *plain) { p.closed = true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var err bytes.Buffer
				p := newPlain(&err, Normal)
				p.Observe(started("Pod"))
				p.mu.Lock()
				time.Sleep(grace)
				meanwhile(p)
				p.mu.Unlock()
				synctest.Wait()
				if err.Len() > 0 {
					t.Errorf("got %q, want nothing", err.String())
				}
			})
		})
	}
}
