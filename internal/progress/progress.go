// Package progress carries facts about what a command is doing from the code
// that does it to whoever shows it. It has no output of its own.
package progress

import "sync"

// Kind says what an Event reports.
type Kind int

// The kinds of events. A step starts once, is updated any number of times and
// ends exactly once, Done or Failed; Info and Warning stand outside steps.
const (
	Started Kind = iota
	Updated
	Done
	Failed
	Info
	Warning
)

// Event is one fact: a step that began, moved or ended, or a line to be told.
type Event struct {
	Kind Kind
	// Step names the step the event belongs to; empty for Info and Warning.
	Step string
	// Detail is what is happening now (Updated), what came of it (Done), or
	// the line itself (Info, Warning). It may be empty.
	Detail string
	// Err is why a step failed; nil for every other kind.
	Err error
}

// Observer receives events. Observers are called from several goroutines and
// must not block for long: the work waits for them.
type Observer interface {
	Observe(Event)
}

// Func adapts a function to an Observer.
type Func func(Event)

// Observe calls f.
func (f Func) Observe(e Event) { f(e) }

// Silent drops every event.
var Silent Observer = Func(func(Event) {})

// Step runs one step and reports its course: Started before, Done or Failed
// after, whatever happens in between, so that no failure (a panic included)
// leaves a step open. run may call update, from any goroutine, to say what is
// going on; the last detail given that way is repeated with Done. The error is
// run's own.
func Step(o Observer, name string, run func(update func(detail string)) error) (err error) {
	o.Observe(Event{Kind: Started, Step: name})
	var mu sync.Mutex
	var last string
	finished := false
	defer func() {
		switch {
		case !finished:
			o.Observe(Event{Kind: Failed, Step: name})
		case err != nil:
			o.Observe(Event{Kind: Failed, Step: name, Err: err})
		default:
			o.Observe(Event{Kind: Done, Step: name, Detail: last})
		}
	}()
	err = run(func(detail string) {
		mu.Lock()
		defer mu.Unlock()
		if detail == last {
			return
		}
		last = detail
		o.Observe(Event{Kind: Updated, Step: name, Detail: detail})
	})
	finished = true
	return err
}

// Inform reports a line that belongs to no step.
func Inform(o Observer, line string) { o.Observe(Event{Kind: Info, Detail: line}) }

// Warn reports something the user should know about that stops nothing.
func Warn(o Observer, line string) { o.Observe(Event{Kind: Warning, Detail: line}) }
