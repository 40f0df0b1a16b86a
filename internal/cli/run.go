// Package cli is the command line: it turns flags into values, writes results
// to stdout, and turns errors into a message, a hint and an exit code. Each
// command has a file.
package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/redact"
	"github.com/dindctl/dindctl/internal/terminal"
)

// Run runs one command line and returns the exit code of the process; it never
// exits itself. args start with the name of the program. lookup looks up
// environment variables: DINDCTL_… and those that --env copies. When ctx is
// cancelled, the command stops cleanly and the exit code is 130; `docker` waits for the
// end of the Docker client, and its exit code is the client's.
func Run(ctx context.Context, args []string, lookup func(string) (string, bool), streams terminal.Streams) int {
	p := &program{
		lookup: lookup, streams: streams, args: args,
		connect: kube.Connect, daemon: lifecycle.PortForward, now: time.Now,
	}
	return p.run(ctx, args)
}

// program is one run of the command line, with its connections to the world.
type program struct {
	lookup  func(string) (string, bool)
	streams terminal.Streams
	args    []string
	connect func(kube.Connection) (*kube.Cluster, error)
	daemon  func(*kube.Cluster, string) (lifecycle.Link, error)
	now     func() time.Time
	// scanned lists what is wrong with the command line apart from its values.
	scanned dind.OptionErrors
	// secrets are those on the command line and in the environment.
	secrets redact.Values
	// verbose is true with -v.
	verbose bool
}

// getenv returns the value of a variable, or "" if it is not set.
func (p *program) getenv(name string) string {
	value, _ := p.lookup(name)
	return value
}

func (p *program) run(ctx context.Context, args []string) int {
	app := p.app(args[0])
	if words, asked := completionWords(args); asked {
		p.complete(ctx, app, words)
		return exitDone
	}
	args, p.scanned = scan(app, args)
	err := app.RunContext(ctx, args)
	if err == nil {
		return exitDone
	}
	return p.fail(ctx, err)
}

func (p *program) app(startedAs string) *cli.App {
	name := "dindctl"
	if programName(startedAs) == "kubectl-dindctl" {
		name = "kubectl dindctl"
	}
	app := &cli.App{
		Name:            name,
		Usage:           "one long-lived Docker daemon in the cluster that shares its layer cache with all CI jobs",
		Writer:          p.streams.Out,
		ErrWriter:       p.streams.Err,
		HideHelpCommand: true,
		HideVersion:     true,
		// Many values contain commas (NO_PROXY=a,b): repeat the option instead.
		DisableSliceFlagSeparator: true,
		ExitErrHandler:            func(*cli.Context, error) {},
		OnUsageError:              p.usageError,
		Action:                    p.noCommand,
		Flags:                     append(connectionFlags(), inGroup(common, switchFlag("version", "print the version"))...),
	}
	app.Commands = []*cli.Command{
		p.checkCommand(), p.installCommand(), p.statusCommand(), p.pruneNowCommand(), p.uninstallCommand(),
		p.verifyCommand(), p.envCommand(), p.whereCommand(), p.dockerCommand(), p.optionsCommand(), p.manifestsCommand(), p.versionCommand(), p.completionCommand(),
	}
	for _, command := range app.Commands {
		command.OnUsageError = p.usageError
		command.Flags = append(command.Flags, connectionFlags()...)
		command.HideHelpCommand = true
		command.CustomHelpTemplate = commandHelp(app.Name, command)
	}
	app.CustomAppHelpTemplate = appHelp(app)
	return app
}

// programName returns the name of the program's file or link, without .exe.
func programName(startedAs string) string {
	return strings.TrimSuffix(strings.ToLower(filepath.Base(startedAs)), ".exe")
}

// noCommand handles a command line without a command or with an unknown one.
func (p *program) noCommand(c *cli.Context) error {
	switch {
	case len(p.scanned) > 0:
		return newUsageError(c, p.scanned)
	case c.Bool("version"):
		_, err := fmt.Fprintln(p.streams.Out, "dindctl "+Version())
		return err
	default:
		return cli.ShowAppHelp(c)
	}
}
