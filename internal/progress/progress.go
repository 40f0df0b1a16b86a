// Package progress reports the progress of a command to observers. It prints
// nothing itself.
package progress

import "sync"

// Kind is the kind of an Event.
type Kind int

// The kinds of events. A step has one Started event, any number of Updated events
// and one Done or Failed event. Info and Warning belong to no step.
const (
	Started Kind = iota
	Updated
	Done
	Failed
	Info
	Warning
)

// Event is the start, an update or the end of a step, or a message.
type Event struct {
	Kind Kind
	// Step is the name of the step. It is empty for Info and Warning.
	Step string
	// Detail is the current state (Updated), the result (Done) or the message
	// (Info, Warning). It may be empty.
	Detail string
	// Err is the reason for Failed, and nil for every other kind.
	Err error
}

// Observer receives events. It must be safe for concurrent use and must not block
// for long, because the command waits for it.
type Observer interface {
	Observe(Event)
}

// Func adapts a function to an Observer.
type Func func(Event)

// Observe calls f.
func (f Func) Observe(e Event) { f(e) }

// Step reports Started, calls run, reports Done or Failed, and returns the error
// of run. It reports Failed even if run panics. run may call update, from any
// goroutine, to report details. Done repeats the last detail.
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

// Inform reports a message that belongs to no step.
func Inform(o Observer, line string) { o.Observe(Event{Kind: Info, Detail: line}) }

// Warn reports a problem that does not stop the command.
func Warn(o Observer, line string) { o.Observe(Event{Kind: Warning, Detail: line}) }
