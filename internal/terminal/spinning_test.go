//go:build linux

package terminal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/dindctl/dindctl/internal/progress"
)

func TestMain(m *testing.M) {
	if os.Getenv("TERMINAL_TEST_PROGRAM") != "" {
		program()
		return
	}
	goleak.VerifyTestMain(m)
}

// on returns streams whose stderr is the terminal. Stdin and stdout are files.
func on(t *testing.T, p *pty, vars map[string]string) Streams {
	t.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { null.Close() })
	return NewStreams(null, null, p.tty, environment(vars))
}

// draw plays a script and returns the terminal's output. In fake time there is a
// frame exactly every 100 ms.
func draw(t *testing.T, p *pty, s Streams, script []act) string {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := New(s, Normal)
		play(r, script)
		synctest.Wait()
		r.Close()
		time.Sleep(frameTime) // until the library's goroutine ends
	})
	return p.close()
}

// f returns one frame.
func f(text string) string { return "\r" + text + "\x1b[K" }

func TestSpinning(t *testing.T) {
	noColor := map[string]string{"NO_COLOR": "1"}
	tests := map[string]struct {
		columns uint16
		vars    map[string]string
		script  []act
		want    string
	}{
		"one step": {80, noColor, []act{
			{0, started("Claim docker-dind-data")},
			{150 * ms, updated("Claim docker-dind-data", "waiting for its first consumer")},
			{350 * ms, done("Claim docker-dind-data", "bound")},
		}, f("⠋ Claim docker-dind-data") + f("⠙ Claim docker-dind-data") +
			f("⠹ Claim docker-dind-data  waiting for its first consumer") +
			f("⠸ Claim docker-dind-data  waiting for its first consumer") +
			eraseLine + "✓ Claim docker-dind-data  bound (0.3s)\n"},
		"color": {80, nil, []act{
			{0, started("Claim")}, {50 * ms, updated("Claim", "waiting")}, {150 * ms, done("Claim", "bound")},
			{200 * ms, started("Pod")}, {250 * ms, failed("Pod", errors.New("no image"))}, {250 * ms, warning("old engine")},
		}, f("\x1b[36m⠋\x1b[0m Claim") + f("\x1b[36m⠙\x1b[0m Claim  \x1b[2mwaiting\x1b[0m") +
			eraseLine + "\x1b[32m✓\x1b[0m Claim  bound\x1b[2m (0.1s)\x1b[0m\n" +
			f("\x1b[36m⠋\x1b[0m Pod") + eraseLine + "\x1b[31m✗\x1b[0m Pod\n" +
			"\x1b[33m!\x1b[0m old engine\n"},
		"concurrent steps": {80, noColor, []act{
			{0, started("Claim")}, {10 * ms, started("Pod")}, {20 * ms, updated("Pod", "pulling")}, {30 * ms, started("Job")},
			{150 * ms, done("Job", "")}, {160 * ms, done("Claim", "")}, {170 * ms, done("Pod", "ready")},
		}, f("⠋ Claim") + f("⠙ Claim +2 more") +
			eraseLine + "✓ Job (0.1s)\n" + f("⠋ Claim +1 more") +
			eraseLine + "✓ Claim (0.2s)\n" + f("⠋ Pod  pulling") +
			eraseLine + "✓ Pod  ready (0.2s)\n"},
		"lines without a spinner": {80, noColor, []act{
			{0, failed("A", errors.New("line one\nline two"))}, {0, failed("B", nil)},
			{0, failed("C", fmt.Errorf("wait: %w", context.Canceled))}, {0, done("D", "")},
			{0, info("note")}, {0, warning("old")}, {0, warning("old")}, {0, info("note")}, {0, updated("E", "x")},
		}, "✗ A\n✗ B\n✗ C: stopped\n✓ D\nnote\n! old\n"},
		"finished lines are not truncated": {20, noColor, []act{
			{0, failed("Pod", errors.New("a reason that takes more than one line"))},
		}, "✗ Pod\n"},
		"text is sanitized": {80, noColor, []act{
			{0, started("P\x1b[2Jod")}, {10 * ms, updated("P\x1b[2Jod", "a\n\x1b]0;x\x07b\r\x1b[?25lc")},
			{150 * ms, done("P\x1b[2Jod", "\u009b31md\x1b[F")}, {150 * ms, warning("\a\x1b[1Ae")},
		}, f("⠋ Pod") + f("⠙ Pod  a b c") + eraseLine + "✓ Pod  d (0.1s)\n! e\n"},
		"detail truncated": {30, noColor, []act{
			{0, started("Claim")}, {10 * ms, updated("Claim", "waiting for its first consumer")},
			{150 * ms, done("Claim", "")},
		}, f("⠋ Claim") + f("⠙ Claim  waiting for its fir…") + eraseLine + "✓ Claim (0.1s)\n"},
		"wide characters truncated by columns": {20, noColor, []act{
			{0, started("Pod")}, {10 * ms, updated("Pod", "容量不足容量不足")}, {150 * ms, done("Pod", "")},
		}, f("⠋ Pod") + f("⠙ Pod  容量不足容…") + eraseLine + "✓ Pod (0.1s)\n"},
		"name truncated": {12, noColor, []act{
			{0, started("Claim docker-dind-data")}, {0, updated("Claim docker-dind-data", "waiting")},
			{50 * ms, failed("Claim docker-dind-data", nil)},
		}, f("⠋ Claim do…") + eraseLine + "✗ Claim docker-dind-data\n"},
		"two columns": {2, noColor, []act{
			{0, started("Claim")}, {50 * ms, failed("Claim", nil)},
		}, f("⠋ ") + eraseLine + "✗ Claim\n"},
		"unknown width": {0, noColor, []act{
			{0, started("Claim")}, {50 * ms, updated("Claim", strings.Repeat("x", 100))}, {150 * ms, done("Claim", "")},
		}, f("⠋ Claim") + f("⠙ Claim  "+strings.Repeat("x", 69)+"…") + eraseLine + "✓ Claim (0.1s)\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPty(t, tt.columns)
			got := draw(t, p, on(t, p, tt.vars), tt.script)
			if got != tt.want {
				t.Errorf("got\n%q\nwant\n%q", got, tt.want)
			}
		})
	}
}

// The elapsed time is shown after one second, and takes precedence over the end
// of the detail.
func TestSpinningElapsed(t *testing.T) {
	p := newPty(t, 30)
	got := draw(t, p, on(t, p, nil).WithoutColor(), []act{
		{0, started("Claim")}, {50 * ms, updated("Claim", "waiting for its first consumer")}, {1950 * ms, started("Pod")},
		{65050 * ms, done("Claim", "bound")}, {65050 * ms, done("Pod", "ready")},
	})
	frames := strings.Split(got, "\r")
	for i, want := range map[int]string{
		10: "⠏ Claim  waiting for its fir…\x1b[K",
		11: "⠋ Claim  waiting for it… (1s)\x1b[K",
		20: "⠏ Claim  waiting for it… (1s)\x1b[K",
		21: "⠋ Claim  waitin… (2s) +1 more\x1b[K",
	} {
		if frames[i] != want {
			t.Errorf("frame %d is %q, want %q", i, frames[i], want)
		}
	}
	end := "⠋ Claim  waiting for i… (65s)\x1b[K" + eraseLine +
		"✓ Claim  bound (65s)\n" + f("⠋ Pod (63s)") + eraseLine + "✓ Pod  ready (63s)\n"
	if !strings.HasSuffix(got, end) {
		t.Errorf("output does not end in %q: %q", end, got[len(got)-300:])
	}
}

func TestViewLine(t *testing.T) {
	tests := map[string]struct {
		room, others int
		want         string
	}{
		"everything":               {40, 2, "Claim  waiting for you (12s) +2 more"},
		"no other steps":           {40, 0, "Claim  waiting for you (12s)"},
		"detail truncated":         {28, 2, "Claim  waitin… (12s) +2 more"},
		"other steps dropped":      {27, 2, "Claim  waiting for y… (12s)"},
		"detail truncated further": {15, 2, "Claim  w… (12s)"},
		"detail dropped":           {14, 2, "Claim (12s)"},
		"elapsed time dropped":     {11, 2, "Claim  wai…"},
		"name truncated":           {4, 2, "Cla…"},
		"zero columns":             {0, 2, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := view{step{name: "Claim", detail: "waiting for you", began: time.Now()}, tt.others}
				time.Sleep(12 * sec)
				got := v.line(tt.room, Style{})
				if got != tt.want || columnsOf(got) > tt.room {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			})
		})
	}
}

// Every frame uses the current width.
func TestSpinningResized(t *testing.T) {
	p := newPty(t, 80)
	s := on(t, p, nil).WithoutColor()
	synctest.Test(t, func(t *testing.T) {
		r := New(s, Normal)
		r.Observe(started("Claim docker-dind-data"))
		synctest.Wait()
		p.resize(t, 12)
		time.Sleep(150 * ms)
		r.Close()
		time.Sleep(frameTime)
	})
	want := f("⠋ Claim docker-dind-data") + f("⠙ Claim do…") + eraseLine
	if got := p.close(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSpinningPrintln(t *testing.T) {
	p := newPty(t, 80)
	s := on(t, p, nil).WithoutColor()
	synctest.Test(t, func(t *testing.T) {
		r := New(s, Normal)
		r.Println("before")
		r.Observe(started("Claim"))
		synctest.Wait()
		r.Println("between")
		synctest.Wait()
		r.Close()
		r.Println("after")
		time.Sleep(frameTime)
	})
	want := "before\n" + f("⠋ Claim") + eraseLine + "between\n" + f("⠋ Claim") + eraseLine + "after\n"
	if got := p.close(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Close may be called repeatedly and concurrently with steps. Afterwards nothing
// is drawn and no goroutine is left. The test runs in real time for the race
// detector.
func TestSpinningClosedDuringSteps(t *testing.T) {
	for _, vars := range []map[string]string{nil, {"NO_COLOR": "1"}} {
		p := newPty(t, 80)
		r := New(on(t, p, vars), Normal)
		var steps, closers sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		for i := range 8 {
			steps.Go(func() {
				for ctx.Err() == nil {
					progress.Step(r, fmt.Sprintf("step %d", i), func(update func(string)) error {
						update("at work")
						r.Println("a line")
						time.Sleep(time.Duration(i) * ms)
						return nil
					})
				}
			})
		}
		time.Sleep(250 * ms)
		for range 3 {
			closers.Go(r.Close)
		}
		closers.Wait()
		r.Observe(started("late"))
		r.Observe(warning("late"))
		cancel()
		steps.Wait()
		time.Sleep(2 * frameTime)
		goleak.VerifyNone(t, goleak.IgnoreAnyFunction("github.com/dindctl/dindctl/internal/terminal.newPty.func1"))

		got := p.close()
		if !strings.Contains(got, "✓") {
			t.Errorf("nothing was drawn: %q", got)
		}
		if strings.Contains(got, "late") {
			t.Error("an event after Close was drawn")
		}
		for _, code := range []string{"\x1b[?25l", "\x1b[F", "\x1b[37m"} {
			if strings.Contains(got, code) {
				t.Errorf("output contains %q", code)
			}
		}
		// The output ends with a finished or erased line.
		last := got[strings.LastIndexAny(got, "\r\n"):]
		if last != "\n" && last != eraseLine {
			t.Errorf("the output ends with %q", last)
		}
	}
}
