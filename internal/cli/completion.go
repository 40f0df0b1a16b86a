package cli

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// completionScripts has a script for each of the shells. It asks `dindctl __complete` for
// what may come next.
//
//go:embed completion
var completionScripts embed.FS

var shells = []string{"bash", "fish", "powershell", "zsh"}

func (p *program) completionCommand() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print the script that completes command lines in a shell",
		UsageText: "dindctl completion " + strings.Join(shells, "|") + "\nsource <(dindctl completion bash)",
		ArgsUsage: "SHELL",
		Description: "Load the script in the shell's startup file. For fish: `dindctl completion fish | source`, for\n" +
			"PowerShell: `dindctl completion powershell | Out-String | Invoke-Expression`. It also completes\n" +
			"namespaces, installations, classes and nodes, if the cluster answers within a second.",
		Action: p.completion,
	}
}

func (p *program) completion(c *cli.Context) error {
	s := p.session(c)
	shell := c.Args().First()
	if c.NArg() != 1 || !slices.Contains(shells, shell) {
		s.problem("shell", strings.Join(c.Args().Slice(), " "), "is not known", "Use one of "+strings.Join(shells, ", ")+".")
	}
	if err := s.validate(c); err != nil {
		return err
	}
	script, err := completionScripts.ReadFile("completion/" + shell)
	if err != nil {
		return fmt.Errorf("reading the script: %w", err)
	}
	return writeAll(p.streams.Out, script)
}
