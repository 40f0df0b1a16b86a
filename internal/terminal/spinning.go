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

// eraseLine brings the cursor to the start of its line and clears the line.
const eraseLine = "\r\x1b[K"

// spinning draws a spinner for the oldest open step, and above it a line for
// each thing that is over. It stops the spinner before it prints and makes a
// new one after, because the library's can't be restarted: the goroutine of
// the first run sleeps through the pause and draws beside the second's.
type spinning struct {
	file  *os.File
	style Style
	// shown is what the next frame shows. The library takes it with its own
	// lock held, so it must not be behind mu, which is held to stop the library.
	shown atomic.Pointer[view]

	mu     sync.Mutex
	open   openSteps
	told   map[string]bool
	live   *spinner.Spinner
	closed bool
}

func newSpinning(file *os.File, style Style) *spinning {
	return &spinning{file: file, style: style, told: map[string]bool{}}
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
	if why := reason(err); why != "" {
		line += ": " + why
	}
	return line
}

func (s *spinning) once(line string) {
	if !s.told[line] {
		s.told[line] = true
		s.print(line)
	}
}

// print puts a line above the spinner.
func (s *spinning) print(line string) {
	s.stop()
	io.WriteString(s.file, line+"\n")
	s.show()
}

// show has the next frame show the oldest open step; it starts a spinner if
// none runs.
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

// view is what one frame shows.
type view struct {
	step   step
	others int
}

// line is the frame's text in at most room columns. The elapsed time tells a
// slow step from a hanging one: it, and then the number of the other steps,
// keeps its place as long as half of the line is left for the rest.
func (v view) line(room int, style Style) string {
	tail := v.step.running()
	if columnsOf(tail) > room/2 {
		tail = ""
	}
	if more := " +" + strconv.Itoa(v.others) + " more"; v.others > 0 && columnsOf(tail+more) <= room/2 {
		tail += more
	}
	room -= columnsOf(tail)
	name := cut(v.step.name, room)
	room -= columnsOf(name) + len("  ")
	if v.step.detail == "" || room < 2 {
		return name + style.Faint(tail)
	}
	return name + "  " + style.Faint(cut(v.step.detail, room)+tail)
}
