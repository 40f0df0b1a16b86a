package terminal

import (
	"io"
	"sync"
	"time"

	"github.com/dindctl/dindctl/internal/progress"
)

const (
	// grace is how long a step may be silent. One that ends within it is told
	// by the line of its end alone.
	grace = time.Second
	// settle is how long a detail waits for the step to end. The last detail
	// usually is the outcome and belongs to the line of the end.
	settle = 250 * time.Millisecond
)

// plain writes lines and nothing else: for logs, and for quiet and verbose
// modes on terminals.
type plain struct {
	to   io.Writer
	mode Mode

	mu     sync.Mutex
	open   openSteps
	about  map[*step]*account
	told   map[string]bool
	closed bool
}

// account is what has been told of an open step.
type account struct {
	timer *time.Timer
	begun bool            // the grace is over, and a first line was written
	told  map[string]bool // the details written so far
}

func newPlain(to io.Writer, mode Mode) *plain {
	return &plain{to: to, mode: mode, about: map[*step]*account{}, told: map[string]bool{}}
}

// Observe implements progress.Observer.
func (p *plain) Observe(e progress.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
	case e.Kind == progress.Warning:
		p.once("Warning: " + Sanitize(e.Detail))
	case p.mode == Quiet:
	case e.Kind == progress.Info:
		p.once(Sanitize(e.Detail))
	case e.Kind == progress.Started:
		p.start(p.open.start(e))
	case e.Kind == progress.Updated:
		if s := p.open.find(e); s != nil {
			p.update(s, Sanitize(e.Detail))
		}
	case e.Kind == progress.Done:
		p.done(p.open.end(e), Sanitize(e.Detail))
	case e.Kind == progress.Failed:
		p.failed(p.open.end(e), reason(e.Err))
	}
}

// Println implements Renderer.
func (p *plain) Println(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.print(line)
}

// Close implements Renderer.
func (p *plain) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, a := range p.about {
		a.timer.Stop()
	}
}

func (p *plain) start(s *step) {
	a := &account{told: map[string]bool{}}
	// Stop does not wait for a callback that has begun: it may find that the
	// step has ended or the renderer is closed.
	a.timer = time.AfterFunc(grace, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.about[s] == a && !p.closed {
			p.tell(s, a)
		}
	})
	p.about[s] = a
	if p.mode == Verbose {
		p.tell(s, a)
	}
}

func (p *plain) update(s *step, detail string) {
	a := p.about[s]
	if detail == s.detail {
		return
	}
	if a.begun {
		p.tell(s, a) // what was still waiting
	}
	s.detail = detail
	switch {
	case p.mode == Verbose:
		clear(a.told) // every event: a detail that comes back is told again
		p.tell(s, a)
	case a.begun:
		a.timer.Reset(settle)
	}
}

// tell writes the step's present detail, unless it has been written.
func (p *plain) tell(s *step, a *account) {
	if s.detail == "" {
		if !a.begun {
			p.print(s.name + " ...")
		}
	} else if !a.told[s.detail] {
		a.told[s.detail] = true
		p.print(s.name + ": " + s.detail)
	}
	a.begun = true
}

func (p *plain) done(s *step, outcome string) {
	a := p.close(s)
	if a.begun && s.detail != outcome {
		p.tell(s, a)
	}
	if outcome == "" || a.told[outcome] {
		outcome = "done"
	}
	p.print(s.name + ": " + outcome + s.took())
}

func (p *plain) failed(s *step, why string) {
	a := p.close(s)
	if a.begun {
		p.tell(s, a)
	}
	if why == "" {
		why = "failed"
	}
	p.print(s.name + ": " + why)
}

// close ends a step's account. A step that never started has an empty one.
func (p *plain) close(s *step) *account {
	a := p.about[s]
	if a == nil {
		return &account{}
	}
	a.timer.Stop()
	delete(p.about, s)
	return a
}

func (p *plain) once(line string) {
	if !p.told[line] {
		p.told[line] = true
		p.print(line)
	}
}

func (p *plain) print(line string) { io.WriteString(p.to, line+"\n") }
