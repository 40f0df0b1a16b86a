package dind

import (
	"fmt"
	"strings"
)

// OptionError is one error in one option.
type OptionError struct {
	Option string // the flag with its dashes: "--storage-size"
	Value  string // as typed; may be empty
	Reason string // what is wrong, without a full stop
	Hint   string // how to fix it
}

// Error returns option, value and reason, without the hint.
func (e *OptionError) Error() string {
	if e.Value == "" {
		return fmt.Sprintf("%s: %s", e.Option, e.Reason)
	}
	return fmt.Sprintf("%s %q: %s", e.Option, e.Value, e.Reason)
}

// OptionErrors are all errors in the options.
type OptionErrors []*OptionError

// Error returns one error per line.
func (errs OptionErrors) Error() string {
	lines := make([]string, len(errs))
	for i, err := range errs {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the errors for errors.Is and errors.As.
func (errs OptionErrors) Unwrap() []error {
	all := make([]error, len(errs))
	for i, err := range errs {
		all[i] = err
	}
	return all
}

func (errs *OptionErrors) add(option, value, reason, hint string) {
	*errs = append(*errs, &OptionError{Option: option, Value: value, Reason: reason, Hint: hint})
}

// err returns nil if there are no errors: a nil slice in an error is not nil.
func (errs OptionErrors) err() error {
	if len(errs) == 0 {
		return nil
	}
	return errs
}

// IncompatibleError is returned when the options are valid but conflict with the
// existing installation.
type IncompatibleError struct{ OptionErrors }

// Unwrap returns the OptionErrors.
func (e *IncompatibleError) Unwrap() error { return e.OptionErrors }
