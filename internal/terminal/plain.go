package terminal

import (
	"io"
	"sync"
	"time"

	"github.com/dindctl/dindctl/internal/progress"
)

const (
	// grace is the time before a step prints its first line. A step that ends
	// earlier prints only its last line.
	grace = time.Second
	// settle is the time before a new detail is printed. If the step ends
	// earlier, the detail usually is its result and is printed with the last line.
	settle = 250 * time.Millisecond
)

// plain prints lines without a spinner: for logs, and for quiet and verbose modes.
type plain struct {
	to   io.Writer
	mode Mode

	mu     sync.Mutex
	open   openSteps
	states map[*step]*stepOutput
	// messages are the printed messages that belong to no step.
	messages map[string]bool
	closed   bool
}

// stepOutput is what an open step has printed.
type stepOutput struct {
	timer   *time.Timer
	started bool            // the first line is printed
	details map[string]bool // the printed details
}

func newPlain(to io.Writer, mode Mode) *plain {
	return &plain{to: to, mode: mode, states: map[*step]*stepOutput{}, messages: map[string]bool{}}
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
	for _, o := range p.states {
		o.timer.Stop()
	}
}

func (p *plain) start(s *step) {
	o := &stepOutput{details: map[string]bool{}}
	// Stop does not wait for a running callback, so the callback checks whether
	// the step has ended or the renderer is closed.
	o.timer = time.AfterFunc(grace, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.states[s] == o && !p.closed {
			p.printDetail(s, o)
		}
	})
	p.states[s] = o
	if p.mode == Verbose {
		p.printDetail(s, o)
	}
}

func (p *plain) update(s *step, detail string) {
	o := p.states[s]
	if detail == s.detail {
		return
	}
	if o.started {
		p.printDetail(s, o) // the previous detail, if still pending
	}
	s.detail = detail
	switch {
	case p.mode == Verbose:
		clear(o.details) // print repeated details again
		p.printDetail(s, o)
	case o.started:
		o.timer.Reset(settle)
	}
}

// printDetail prints the step's current detail, if it is not printed yet.
func (p *plain) printDetail(s *step, o *stepOutput) {
	if s.detail == "" {
		if !o.started {
			p.print(s.name + " ...")
		}
	} else if !o.details[s.detail] {
		o.details[s.detail] = true
		p.print(s.name + ": " + s.detail)
	}
	o.started = true
}

func (p *plain) done(s *step, result string) {
	o := p.end(s)
	if o.started && s.detail != result {
		p.printDetail(s, o)
	}
	if result == "" || o.details[result] {
		result = "done"
	}
	p.print(s.name + ": " + result + s.took())
}

func (p *plain) failed(s *step, reason string) {
	o := p.end(s)
	if o.started {
		p.printDetail(s, o)
	}
	if reason == "" {
		reason = "failed"
	}
	p.print(s.name + ": " + reason)
}

// end removes and returns the step's output, which is empty if the step never
// started.
func (p *plain) end(s *step) *stepOutput {
	o := p.states[s]
	if o == nil {
		return &stepOutput{}
	}
	o.timer.Stop()
	delete(p.states, s)
	return o
}

func (p *plain) once(line string) {
	if !p.messages[line] {
		p.messages[line] = true
		p.print(line)
	}
}

func (p *plain) print(line string) { io.WriteString(p.to, line+"\n") }
