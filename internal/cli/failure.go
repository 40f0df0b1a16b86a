package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/terminal"
)

// failure is an error as the user sees it.
type failure struct {
	Code     int              `json:"code"`
	Reason   string           `json:"reason"`
	Message  string           `json:"message"`
	Hint     string           `json:"hint,omitempty"`
	Problems []failureProblem `json:"problems,omitempty"`
	// Objects lists what --adopt would change.
	Objects []lifecycle.ObjectChange `json:"objects,omitempty"`
	Log     string                   `json:"log,omitempty"`
}

type failureProblem struct {
	Option  string `json:"option,omitempty"`
	Value   string `json:"value,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// invalidCommandLine is the message of usage errors; their problems follow it.
const invalidCommandLine = "invalid command line"

// problemList collects what is wrong with the command line, so that all of it is
// reported at once.
type problemList struct{ problems dind.OptionErrors }

func (l *problemList) problem(option, value, reason, hint string) {
	l.problems = append(l.problems, &dind.OptionError{Option: option, Value: value, Reason: reason, Hint: hint})
}

// addProblems adds the problems of a validation, which returns dind.OptionErrors or nil.
func (l *problemList) addProblems(validation error) {
	var found dind.OptionErrors
	if errors.As(validation, &found) {
		l.problems = append(l.problems, found...)
	}
}

// usageError is an invalid command line. No request was sent.
type usageError struct {
	problems dind.OptionErrors
	command  string // whose help lists the options
}

func (e *usageError) Error() string { return e.problems.Error() }

func newUsageError(c *cli.Context, problems dind.OptionErrors) error {
	command := c.App.Name
	if c.Command != nil && c.Command.Name != "" && c.Command.Name != c.App.Name {
		command += " " + c.Command.Name
	}
	return &usageError{problems: problems, command: command}
}

// usageError replaces the library's handling of parse errors, which prints the
// full help to stdout. scan finds most of these errors first.
func (p *program) usageError(c *cli.Context, err error, _ bool) error {
	return newUsageError(c, append(p.scanned, &dind.OptionError{Option: "options", Reason: err.Error()}))
}

func (f *failure) setProblems(problems dind.OptionErrors) {
	for _, p := range problems {
		f.Problems = append(f.Problems, failureProblem{Option: p.Option, Value: p.Value, Message: p.Error(), Hint: p.Hint})
	}
}

// fail prints the error and returns the exit code. With -o json or yaml, the
// error is a document on stdout.
func (p *program) fail(ctx context.Context, err error) int {
	if errors.Is(err, errUnhealthy) {
		return exitNotReady
	}
	if errors.Is(err, errWatchEnded) {
		return exitInterrupted
	}
	var docker *dockerExit
	if errors.As(err, &docker) {
		if docker.connection != nil {
			describe(docker.connection, endedError{}).redacted(p.secrets).write(p.streams, p.verbose)
		}
		return docker.code
	}
	f := describe(err, p.ended(ctx, err)).redacted(p.secrets)
	if as := p.requestedOutput(); as != formatText {
		if document(p.streams.Out, as, map[string]failure{"error": f}) == nil {
			return f.Code
		}
	}
	f.write(p.streams, p.verbose)
	return f.Code
}

// endedError adds to an error whether the command's context had timed out or
// been interrupted by then.
type endedError struct {
	ended, cause error
	err          error
}

func (e *endedError) Error() string { return e.err.Error() }

func (e *endedError) Unwrap() error { return e.err }

// ended returns how the context of the failed command had ended. The fields are
// nil if it had not.
func (p *program) ended(ctx context.Context, err error) endedError {
	var ended *endedError
	if errors.As(err, &ended) {
		return *ended
	}
	return endedError{ended: ctx.Err(), cause: context.Cause(ctx)}
}

func (f failure) write(streams terminal.Streams, verbose bool) {
	style := streams.ErrStyle()
	fmt.Fprintf(streams.Err, "%s %s\n", style.Bad("error:"), terminal.SanitizeLines(f.Message))
	for _, problem := range f.Problems {
		fmt.Fprintf(streams.Err, "  %s\n", terminal.Sanitize(problem.Message))
		if problem.Hint != "" {
			fmt.Fprintf(streams.Err, "    %s\n", style.Faint(terminal.Sanitize(problem.Hint)))
		}
	}
	if len(f.Objects) > 0 {
		fmt.Fprintln(streams.Err, "with --adopt:")
		_ = writeChanges(streams.Err, style, f.Objects, streams.ErrTerminal && !verbose)
	}
	if f.Log != "" {
		for _, line := range strings.Split(f.Log, "\n") {
			fmt.Fprintf(streams.Err, "  | %s\n", terminal.Sanitize(line))
		}
	}
	if f.Hint != "" {
		fmt.Fprintf(streams.Err, "next: %s\n", terminal.SanitizeLines(f.Hint))
	}
}

// requestedOutput returns the output format even if the command line is invalid,
// so that a script that requests JSON always gets JSON.
func (p *program) requestedOutput() format {
	requested := format(p.getenv(variable("output")))
	for i, arg := range p.args {
		if arg == "--" {
			break
		}
		if arg == "-ojson" || arg == "-oyaml" {
			requested = format(arg[2:])
			continue
		}
		name, value, joined := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if !strings.HasPrefix(arg, "-") || (name != "o" && name != "output") {
			continue
		}
		if !joined && i+1 < len(p.args) {
			value = p.args[i+1]
		}
		requested = format(value)
	}
	if slices.Contains([]format{formatJSON, formatYAML}, requested) {
		return requested
	}
	return formatText
}
