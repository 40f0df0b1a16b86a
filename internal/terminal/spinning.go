package terminal

import (
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/briandowns/spinner"

	"github.com/dindctl/dindctl/internal/progress"
)

// eraseLine moves the cursor to the start of its line and clears the line.
const eraseLine = "\r\x1b[K"

// spinning draws a spinner for the oldest open step, and prints finished steps and
// messages above it. It stops the spinner to print, and then creates a new one,
// because the library's spinner cannot be restarted: the goroutine of its first
// run would continue to draw.
type spinning struct {
	file  *os.File
	style Style
	// shown is the content of the next frame. mu must not guard it: the library
	// reads it while it holds its own lock, and mu is held to stop the library.
	shown atomic.Pointer[view]

	mu   sync.Mutex
	open openSteps
	// messages are the printed messages that belong to no step.
	messages map[string]bool
	live     *spinner.Spinner
	closed   bool
}

func newSpinning(file *os.File, style Style) *spinning {
	return &spinning{file: file, style: style, messages: map[string]bool{}}
}

// Observe implements progress.Observer.
func (s *spinning) Observe(e progress.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	switch e.Kind {
	case progress.Started:
		s.open.start(e)
		s.show()
	case progress.Updated:
		if step := s.open.find(e); step != nil {
			step.detail = Sanitize(e.Detail)
			s.show()
		}
	case progress.Done:
		s.print(s.done(s.open.end(e), Sanitize(e.Detail)))
	case progress.Failed:
		s.print(s.failed(s.open.end(e), e.Err))
	case progress.Info:
		s.once(Sanitize(e.Detail))
	case progress.Warning:
		s.once(s.style.Warn("!") + " " + Sanitize(e.Detail))
	}
}

// Println implements Renderer.
func (s *spinning) Println(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.print(line)
}

// Close implements Renderer.
func (s *spinning) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.stop()
}

func (s *spinning) done(step *step, detail string) string {
	line := s.style.Good("✓") + " " + step.name
	if detail != "" {
		line += "  " + detail
	}
	return line + s.style.Faint(step.took())
}

func (s *spinning) failed(step *step, err error) string {
	line := s.style.Bad("✗") + " " + step.name
	if reason := reason(err); reason != "" {
		line += ": " + reason
	}
	return line
}

func (s *spinning) once(line string) {
	if !s.messages[line] {
		s.messages[line] = true
		s.print(line)
	}
}

// print prints a line above the spinner.
func (s *spinning) print(line string) {
	s.stop()
	io.WriteString(s.file, line+"\n")
	s.show()
}

// show sets the next frame to the oldest open step, and starts the spinner if it
// is not running.
func (s *spinning) show() {
	if len(s.open) == 0 || s.closed {
		return
	}
	s.shown.Store(&view{step: *s.open[0], others: len(s.open) - 1})
	if s.live == nil {
		s.live = s.newSpinner()
		s.live.Start()
	}
}

func (s *spinning) stop() {
	if s.live != nil {
		s.live.Stop()
		s.live = nil
		io.WriteString(s.file, eraseLine)
	}
}

// view is the content of a frame.
type view struct {
	step   step
	others int
}

// line returns the frame's text in at most room columns. The elapsed time and
// then the number of other steps are included if they fit into half of the line.
// The detail and then the name are truncated to fit.
func (v view) line(room int, style Style) string {
	tail := v.step.running()
	if columnsOf(tail) > room/2 {
		tail = ""
	}
	if more := " +" + strconv.Itoa(v.others) + " more"; v.others > 0 && columnsOf(tail+more) <= room/2 {
		tail += more
	}
	room -= columnsOf(tail)
	name := truncate(v.step.name, room)
	room -= columnsOf(name) + len("  ")
	if v.step.detail == "" || room < 2 {
		return name + style.Faint(tail)
	}
	return name + "  " + style.Faint(truncate(v.step.detail, room)+tail)
}
