package cli

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/terminal"
)

// version is set by the linker for releases.
var version string

// Version returns the version of the program: the release, or the module version
// or commit that it was built from, or "dev".
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "dev"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return "dev-" + setting.Value[:min(12, len(setting.Value))]
		}
	}
	return "dev"
}

func (p *program) versionCommand() *cli.Command {
	return &cli.Command{
		Name:        "version",
		Usage:       "print the versions of dindctl, the API server and the daemon",
		UsageText:   "dindctl version [options]",
		Description: "`dindctl --version` prints only that of dindctl, and contacts no cluster.",
		Action:      p.version,
	}
}

// versions are what the command prints as a document.
type versions struct {
	Dindctl string `json:"dindctl"`
	lifecycle.Versions
}

func (p *program) version(c *cli.Context) error {
	s := p.session(c)
	if err := s.validate(c); err != nil {
		return err
	}
	servers, err := with(c.Context, s, func(ctx context.Context, i lifecycle.Instance) (lifecycle.Versions, error) { return i.Versions(ctx) })
	if err != nil {
		return err
	}
	all := versions{Version(), servers}
	return s.print(all, func(out io.Writer) error { return writeVersions(out, s.streams.OutStyle(), all) })
}

func writeVersions(out io.Writer, style terminal.Style, v versions) error {
	table := terminal.NewTable(style)
	table.Row("dindctl", v.Dindctl)
	table.Row("Kubernetes", v.Kubernetes)
	if d := v.Daemon; d != nil {
		table.Row("Docker", engineVersion(*d))
	} else {
		table.Row("Docker", "unknown: "+v.Problem)
	}
	_, err := table.WriteTo(out)
	return err
}

func engineVersion(d daemon.Info) string {
	return fmt.Sprintf("%s (API %s to %s)", d.Version, d.MinAPIVersion, d.APIVersion)
}
