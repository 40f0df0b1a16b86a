package cli

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/lifecycle"
)

// envFormats maps the values of --format to their writers.
var envFormats = map[string]func(io.Writer, dind.Access) error{
	"gitlab":  writeGitLab,
	"runner":  writeRunner,
	"helm":    writeHelm,
	"github":  writeGitHub,
	"jenkins": writeJenkins,
	"shell":   writeShell,
}

func envFormatNames() string {
	return strings.Join(slices.Sorted(maps.Keys(envFormats)), ", ")
}

func (p *program) envCommand() *cli.Command {
	return &cli.Command{
		Name:      "env",
		Usage:     "print the variables for CI jobs",
		UsageText: "dindctl env [--format FORMAT] [options]",
		Description: "gitlab: .gitlab-ci.yml · runner: config.toml, for all jobs of a runner · helm: values of the\n" +
			"gitlab-runner chart · github: workflow · jenkins: declarative pipeline · shell: export lines\n" +
			"Comments in the output say what else the jobs need.",
		Flags:  []cli.Flag{text("format", envFormatNames()+" (default: gitlab)", "FORMAT")},
		Action: p.env,
	}
}

func (p *program) env(c *cli.Context) error {
	s := p.session(c)
	name := s.text("format", "gitlab")
	write, known := envFormats[name]
	if !known {
		s.problem("--format", name, "unknown format", "Use one of "+envFormatNames()+".")
	}
	if err := s.validate(c); err != nil {
		return err
	}
	access, err := with(c.Context, s, func(ctx context.Context, i lifecycle.Instance) (dind.Access, error) { return i.Access(ctx) })
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
