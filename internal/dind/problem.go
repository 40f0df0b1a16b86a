package dind

import (
	"fmt"
	"strings"
)

// Problem is one thing wrong with one option.
type Problem struct {
	// Option is the flag, dashes included: "--storage-size".
	Option string
	// Value is what was given, as typed; it may be empty.
	Value string
	// Reason says what is wrong with it, in a sentence without a full stop.
	Reason string
	// Hint says what to type instead.
	Hint string
}

// Error gives option, value and reason; the hint is left to whoever prints.
func (p *Problem) Error() string {
	if p.Value == "" {
		return fmt.Sprintf("%s: %s", p.Option, p.Reason)
	}
	return fmt.Sprintf("%s %q: %s", p.Option, p.Value, p.Reason)
}

// Problems are all that is wrong with the options, in the order of the options.
// It is found with errors.As.
type Problems []*Problem

// Error gives one problem a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives each problem to errors.Is and errors.As.
func (ps Problems) Unwrap() []error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = p
	}
	return errs
}

// err is nil for no problems: a nil slice in an error would not be.
func (ps Problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// MisfitError says that the options, each of which is valid, ask for what the
// live objects do not allow. Nothing is wrong with the command line as such.
type MisfitError struct{ Problems Problems }

func (e *MisfitError) Error() string { return e.Problems.Error() }

// Unwrap gives the problems.
func (e *MisfitError) Unwrap() error { return e.Problems }

func (ps *Problems) add(option, value, reason, hint string) {
	*ps = append(*ps, &Problem{Option: option, Value: value, Reason: reason, Hint: hint})
}
