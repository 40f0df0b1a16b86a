package cli

import (
	"context"
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/lifecycle"
)

// envFormats are the ways to write the variables down.
var envFormats = map[string]func(io.Writer, []dind.Variable) error{
	"gitlab":  writeGitLab,
	"runner":  writeRunner,
	"helm":    writeHelm,
	"github":  writeGitHub,
	"jenkins": writeJenkins,
	"shell":   writeShell,
}

func envFormatNames() string {
	names := make([]string, 0, len(envFormats))
	for name := range envFormats {
		names = append(names, name)
	}
	sort.Strings(names)
	return strings.Join(names, ", ")
}

func (p *program) envCommand() *cli.Command {
	return &cli.Command{
		Name:      "env",
		Usage:     "print the variables for CI jobs again",
		UsageText: "dindctl env [--format FORMAT] [options]",
		Description: "gitlab: .gitlab-ci.yml · runner: config.toml, for all jobs of a runner · helm: values of the\n" +
			"gitlab-runner chart · github: workflow · jenkins: declarative pipeline · shell: export lines",
		Flags:  []cli.Flag{text("format", envFormatNames()+" (default: gitlab)", "FORMAT")},
		Action: p.env,
	}
}

func (p *program) env(c *cli.Context) error {
	s := p.session(c)
	name := s.text("format", "gitlab")
	write, known := envFormats[name]
	if !known {
		s.problems = append(s.problems, &dind.Problem{
			Option: "--format", Value: name, Reason: "no such format", Hint: "one of " + envFormatNames(),
		})
	}
	if err := s.checked(c); err != nil {
		return err
	}
	var variables []dind.Variable
	err := s.with(c.Context, func(ctx context.Context, i lifecycle.Instance) (err error) {
		variables, err = i.Variables(ctx)
		return err
	})
	if err != nil {
		return err
	}
	return s.print(asMap(variables), func(out io.Writer) error { return write(out, variables) })
}

func asMap(variables []dind.Variable) map[string]string {
	m := map[string]string{}
	for _, v := range variables {
		m[v.Name] = v.Value
	}
	return m
}

// The values need no escaping in any of the formats beyond quotes: they are
// made of names that Kubernetes allows.

func writeGitLab(out io.Writer, variables []dind.Variable) error {
	return writeYAMLMap(out, "variables:", variables)
}

func writeGitHub(out io.Writer, variables []dind.Variable) error {
	return writeYAMLMap(out, "env:", variables)
}

func writeYAMLMap(out io.Writer, key string, variables []dind.Variable) error {
	var b strings.Builder
	b.WriteString(key + "\n")
	for _, v := range variables {
		value := v.Value
		if value == "" {
			value = `""`
		}
		fmt.Fprintf(&b, "  %s: %s\n", v.Name, value)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// runnerTable sets the variables for every job that the runner takes; a job's
// own variables win over it.
// See https://docs.gitlab.com/runner/configuration/advanced-configuration/
func runnerTable(variables []dind.Variable) string {
	pairs := make([]string, len(variables))
	for i, v := range variables {
		pairs[i] = fmt.Sprintf("%q", v.Name+"="+v.Value)
	}
	return "[[runners]]\n  environment = [" + strings.Join(pairs, ", ") + "]\n"
}

func writeRunner(out io.Writer, variables []dind.Variable) error {
	_, err := io.WriteString(out, runnerTable(variables))
	return err
}

func writeHelm(out io.Writer, variables []dind.Variable) error {
	table := strings.TrimRight(runnerTable(variables), "\n")
	_, err := fmt.Fprintf(out, "runners:\n  config: |\n    %s\n", strings.ReplaceAll(table, "\n", "\n    "))
	return err
}

func writeJenkins(out io.Writer, variables []dind.Variable) error {
	var b strings.Builder
	b.WriteString("environment {\n")
	for _, v := range variables {
		fmt.Fprintf(&b, "    %s = '%s'\n", v.Name, v.Value)
	}
	b.WriteString("}\n")
	_, err := io.WriteString(out, b.String())
	return err
}

func writeShell(out io.Writer, variables []dind.Variable) error {
	var b strings.Builder
	for _, v := range variables {
		fmt.Fprintf(&b, "export %s='%s'\n", v.Name, v.Value)
	}
	_, err := io.WriteString(out, b.String())
	return err
}
