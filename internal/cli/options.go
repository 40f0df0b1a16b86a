package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"
	"sigs.k8s.io/yaml"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/redact"
)

func (p *program) optionsCommand() *cli.Command {
	return &cli.Command{
		Name:      "options",
		Usage:     "print the options of the installation as the YAML that `install -f` reads",
		UsageText: "dindctl options [options]\ndindctl options -n ci > options.yml",
		Description: "Options that have their defaults are left out. Values that may be secrets, and certificates, are\n\"" + redact.Hidden + "\": " +
			"`install -f` then keeps the value that is installed.",
		Action: p.options,
	}
}

func (p *program) options(c *cli.Context) error {
	s := p.session(c)
	if err := s.validate(c); err != nil {
		return err
	}
	options, err := with(c.Context, s, func(ctx context.Context, i lifecycle.Instance) (dind.Options, error) { return i.Options(ctx) })
	if err != nil {
		return err
	}
	return s.print(options.Values(), func(out io.Writer) error {
		encoded, err := yaml.Marshal(options.Values())
		if err != nil {
			return fmt.Errorf("encoding the options: %w", err)
		}
		return writeAll(out, encoded)
	})
}
