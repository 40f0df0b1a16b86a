package terminal

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/dindctl/dindctl/internal/human"
	"github.com/dindctl/dindctl/internal/progress"
)

// step is an open step. Its name and detail are sanitized.
type step struct {
	name   string
	detail string
	began  time.Time
}

// took returns the step's total time in parentheses, or "" below 0.1 s.
func (s *step) took() string {
	d := time.Since(s.began)
	if d < 100*time.Millisecond {
		return ""
	}
	return " (" + human.Took(d.Seconds()) + ")"
}

// running returns the step's time so far in parentheses, or "" below one second.
// It has whole seconds, because tenths would flicker.
func (s *step) running() string {
	d := time.Since(s.began)
	if d < time.Second {
		return ""
	}
	return " (" + human.Duration(d.Truncate(time.Second)) + ")"
}

// openSteps are the open steps in the order of their start.
type openSteps []*step

func (o *openSteps) start(e progress.Event) *step {
	s := &step{name: Sanitize(e.Step), began: time.Now()}
	*o = append(*o, s)
	return s
}

// find returns the step of an event, or nil if it never started.
func (o openSteps) find(e progress.Event) *step {
	name := Sanitize(e.Step)
	for _, s := range o {
		if s.name == name {
			return s
		}
	}
	return nil
}

// end removes and returns the step of an event. If the step never started, end
// returns a new one.
func (o *openSteps) end(e progress.Event) *step {
	s := o.find(e)
	if s == nil {
		return &step{name: Sanitize(e.Step), began: time.Now()}
	}
	*o = slices.DeleteFunc(*o, func(other *step) bool { return other == s })
	return s
}

// reason returns "stopped" for a step whose context was canceled, and otherwise
// "". It does not return the error, because the command prints it when it ends.
func reason(err error) string {
	if errors.Is(err, context.Canceled) {
		return "stopped"
	}
	return ""
}
