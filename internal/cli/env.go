package cli

import (
	"context"
	"io"
	"sort"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/lifecycle"
)

// envFormats are the ways to write the variables down.
var envFormats = map[string]func(io.Writer, dind.Access) error{
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
			"gitlab-runner chart · github: workflow · jenkins: declarative pipeline · shell: export lines\n" +
			"Comments in it say what else a job needs.",
		Flags:  []cli.Flag{text("format", envFormatNames()+" (default: gitlab)", "FORMAT")},
		Action: p.env,
	}
}

func (p *program) env(c *cli.Context) error {
	s := p.session(c)
	name := s.text("format", "gitlab")
	write, known := envFormats[name]
	if !known {
		s.problems = append(s.problems, &dind.OptionError{
			Option: "--format", Value: name, Reason: "no such format", Hint: "one of " + envFormatNames(),
		})
	}
	if err := s.checked(c); err != nil {
		return err
	}
	var access dind.Access
	err := s.with(c.Context, func(ctx context.Context, i lifecycle.Instance) (err error) {
		access, err = i.Access(ctx)
		return err
	})
	if err != nil {
		return err
	}
	return s.print(asMap(access.Variables), func(out io.Writer) error { return write(out, access) })
}

func asMap(variables []dind.Variable) map[string]string {
	m := map[string]string{}
	for _, v := range variables {
		m[v.Name] = v.Value
	}
	return m
}
