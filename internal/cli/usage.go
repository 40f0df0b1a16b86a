package cli

import (
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/dindctl/dindctl/internal/dind"
)

// usageError is a command line that is wrong; no request was sent.
type usageError struct {
	problems dind.OptionErrors
	command  string // whose help to read
}

func (e *usageError) Error() string { return e.problems.Error() }

func misused(c *cli.Context, problems ...*dind.OptionError) error {
	command := c.App.Name
	if c.Command != nil && c.Command.Name != "" && c.Command.Name != c.App.Name {
		command += " " + c.Command.Name
	}
	return &usageError{problems: problems, command: command}
}

// usageError replaces the library's answer to what it cannot parse, which goes
// to stdout with the whole help. scan leaves little to it.
func (p *program) usageError(c *cli.Context, err error, _ bool) error {
	return misused(c, append(p.scanned, &dind.OptionError{Option: "options", Reason: err.Error()})...)
}

// collect adds err's problems, if it is of that kind.
func collect(problems dind.OptionErrors, err error) (dind.OptionErrors, error) {
	var more dind.OptionErrors
	if errors.As(err, &more) {
		return append(problems, more...), nil
	}
	return problems, err
}
