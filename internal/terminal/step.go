package terminal

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/dindctl/dindctl/internal/human"
	"github.com/dindctl/dindctl/internal/progress"
)

// step is one that has started and not ended. Its texts are sanitised.
type step struct {
	name   string
	detail string
	began  time.Time
}

// took is how long the step took, in brackets; empty for less than anybody
// notices.
func (s *step) took() string {
	d := time.Since(s.began)
	if d < 100*time.Millisecond {
		return ""
	}
	return " (" + human.Took(d.Seconds()) + ")"
}

// running is how long the step has been running, in brackets and in whole
// seconds: it is written many times a second, and tenths would only flicker.
func (s *step) running() string {
	d := time.Since(s.began)
	if d < time.Second {
		return ""
	}
	return " (" + human.Duration(d.Truncate(time.Second)) + ")"
}

// openSteps are in the order in which they started.
type openSteps []*step

func (o *openSteps) start(e progress.Event) *step {
	s := &step{name: Sanitize(e.Step), began: time.Now()}
	*o = append(*o, s)
	return s
}

// find returns the step that an event belongs to; nil if it never started.
func (o openSteps) find(e progress.Event) *step {
	name := Sanitize(e.Step)
	for _, s := range o {
		if s.name == name {
			return s
		}
	}
	return nil
}

// end takes the event's step out. One that never started took no time.
func (o *openSteps) end(e progress.Event) *step {
	s := o.find(e)
	if s == nil {
		return &step{name: Sanitize(e.Step), began: time.Now()}
	}
	*o = slices.DeleteFunc(*o, func(other *step) bool { return other == s })
	return s
}

// stopped is what became of a step whose context was cancelled.
const stopped = "stopped"

// reason tells a step that was stopped from one that failed: a cancelled step
// did not go wrong itself. Why one failed is not told here: the failure ends
// the command, whose error, a line further down, says it in full.
func reason(err error) string {
	if errors.Is(err, context.Canceled) {
		return stopped
	}
	return ""
}
