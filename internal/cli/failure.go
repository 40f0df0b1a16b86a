package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/terminal"
)

// failure is an error in the user's terms.
type failure struct {
	Code     int              `json:"code"`
	Reason   string           `json:"reason"`
	Message  string           `json:"message"`
	Hint     string           `json:"hint,omitempty"`
	Problems []failureProblem `json:"problems,omitempty"`
	// Objects are what --adopt would change.
	Objects []lifecycle.ObjectChange `json:"objects,omitempty"`
	Log     string                   `json:"log,omitempty"`
}

type failureProblem struct {
	Option  string `json:"option,omitempty"`
	Value   string `json:"value,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// wrongCommandLine is what stands over problems that no cluster was asked about.
const wrongCommandLine = "the command line is wrong"

func (f *failure) setProblems(problems dind.OptionErrors) {
	for _, p := range problems {
		f.Problems = append(f.Problems, failureProblem{Option: p.Option, Value: p.Value, Message: p.Error(), Hint: p.Hint})
	}
}

func refs(list []kube.Ref) string {
	names := make([]string, len(list))
	for i, ref := range list {
		names[i] = ref.String()
	}
	return strings.Join(names, ", ")
}

// fail reports the error where the user looks for it and gives the exit code.
func (p *program) fail(ctx context.Context, err error) int {
	if errors.Is(err, errUnhealthy) {
		return exitNotReady
	}
	if errors.Is(err, errWatchEnded) {
		return exitInterrupted
	}
	f := describe(err, p.ended(ctx, err)).redacted(p.secrets)
	if as := p.outputAsked(); as != formatText {
		if document(p.streams.Out, as, map[string]failure{"error": f}) == nil {
			return f.Code
		}
	}
	f.write(p.streams)
	return f.Code
}

// endedError carries how the context stood that a command ran under: whether
// it had timed out or been interrupted when the command failed.
type endedError struct {
	ended, cause error
	err          error
}

func (e *endedError) Error() string { return e.err.Error() }

func (e *endedError) Unwrap() error { return e.err }

// ended tells how the context of the command that failed had ended; its fields
// are nil if it had not.
func (p *program) ended(ctx context.Context, err error) endedError {
	var ended *endedError
	if errors.As(err, &ended) {
		return *ended
	}
	return endedError{ended: ctx.Err(), cause: context.Cause(ctx)}
}

func (f failure) write(streams terminal.Streams) {
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
		_ = writeChanges(streams.Err, style, f.Objects)
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

// outputAsked finds the wanted format even where the command line could not be
// parsed, so that a script that asked for JSON gets JSON.
func (p *program) outputAsked() format {
	asked := format(p.getenv(variable("output")))
	for i, arg := range p.args {
		name, value, joined := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if !strings.HasPrefix(arg, "-") || (name != "o" && name != "output") {
			continue
		}
		if !joined && i+1 < len(p.args) {
			value = p.args[i+1]
		}
		asked = format(value)
	}
	if slices.Contains([]format{formatJSON, formatYAML}, asked) {
		return asked
	}
	return formatText
}
