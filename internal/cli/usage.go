package cli

import (
	"errors"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/dindctl/dindctl/internal/dind"
)

// usageError is a command line that is wrong; no request was sent.
type usageError struct {
	problems dind.Problems
	command  string // whose help to read
}

func (e *usageError) Error() string { return e.problems.Error() }

func misused(c *cli.Context, problems ...*dind.Problem) error {
	return &usageError{problems: problems, command: c.App.Name + " " + c.Command.Name}
}

// usageError replaces the library's answer to flags it cannot parse, which
// goes to stdout with the whole help.
func (p *program) usageError(c *cli.Context, err error, isSubcommand bool) error {
	message := err.Error()
	if _, name, unknown := strings.Cut(message, "flag provided but not defined: -"); unknown {
		name = strings.TrimLeft(name, "-")
		problem := &dind.Problem{Option: dashed(name), Reason: "there is no such option"}
		flags := c.App.Flags
		if c.Command != nil && len(c.Command.Flags) > 0 {
			flags = c.Command.Flags
		}
		// A single letter is near to anything.
		if near := cli.SuggestFlag(flags, name, true); len(near) > len("-n") {
			problem.Hint = "did you mean " + near + "?"
		}
		return misused(c, problem)
	}
	if _, name, found := strings.Cut(message, "flag needs an argument: -"); found {
		return misused(c, &dind.Problem{Option: dashed(strings.TrimLeft(name, "-")), Reason: "needs a value"})
	}
	return misused(c, &dind.Problem{Reason: message})
}

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// leftover refuses arguments that no command takes. Options after one would
// not even be read, so nothing must run.
func leftover(c *cli.Context) error {
	return misused(c, &dind.Problem{
		Value: strings.Join(c.Args().Slice(), " "), Reason: "unexpected argument",
		Hint: "dindctl's commands take options only; put values that begin after a space behind their option",
	})
}

func unknownCommand(c *cli.Context) error {
	given := c.Args().First()
	problem := &dind.Problem{Value: given, Reason: "there is no such command"}
	problem.Hint = cli.SuggestCommand(c.App.Commands, given)
	return &usageError{problems: dind.Problems{problem}, command: c.App.Name}
}

// collect adds err's problems, if it is of that kind.
func collect(problems dind.Problems, err error) (dind.Problems, error) {
	var more dind.Problems
	if errors.As(err, &more) {
		return append(problems, more...), nil
	}
	return problems, err
}
