package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/progress"
	"github.com/dindctl/dindctl/internal/terminal"
)

// argumentsHint says where the arguments of docker are given.
const argumentsHint = "Put docker's arguments after --, for example: `dindctl docker -n ci -- ps`."

// errNoDocker is returned when PATH has no Docker client.
var errNoDocker = errors.New("the Docker client was not found")

// dockerExit is returned when docker ran and failed. docker has said why, unless the
// connection to the daemon failed, as it cannot know.
type dockerExit struct {
	code       int
	connection error
}

func (e *dockerExit) Error() string { return fmt.Sprintf("docker ended with exit code %d", e.code) }

func (p *program) dockerCommand() *cli.Command {
	return &cli.Command{
		Name:      "docker",
		Usage:     "run this machine's docker client against the daemon",
		UsageText: "dindctl docker [options] -- ARGS...",
		ArgsUsage: "-- ARGS...",
		Description: "Connects through the API server, with TLS where the daemon has it, and runs `docker ARGS...`.\n" +
			"The exit code is docker's. --timeout applies until docker starts. Without TLS, output that a\n" +
			"`docker run -i` writes more than a second after the end of its piped input may be lost.",
		Flags:  []cli.Flag{text("replica", "connect to this replica of several (default: 0, the first)", "NUMBER")},
		Action: p.docker,
	}
}

func (p *program) docker(c *cli.Context) error {
	s := p.session(c)
	if !c.Args().Present() && len(p.scanned) == 0 {
		s.problem("arguments", "", "none are given for docker", argumentsHint)
	}
	if err := s.validate(c); err != nil {
		return err
	}
	path, err := exec.LookPath("docker")
	if err != nil {
		return fmt.Errorf("%w: %w", errNoDocker, err)
	}
	forward, err := with(c.Context, s, func(ctx context.Context, i lifecycle.Instance) (*lifecycle.Forward, error) {
		forward, err := i.Forward(ctx)
		if err == nil && s.mode == terminal.Verbose {
			progress.Inform(i.Observer, fmt.Sprintf("%s leads to pod/%s", forward.Host, forward.Pod))
		}
		return forward, err
	})
	if err != nil {
		return err
	}
	code, err := runToEnd(c.Context, p.dockerProcess(path, forward.Host, c.Args().Slice()))
	connection := forward.Close()
	if err == nil && code != exitDone {
		err = &dockerExit{code, connection}
	}
	return err
}

// dockerProcess returns docker with these arguments, the standard streams, and the
// environment of dindctl, apart from what leads to another daemon.
func (p *program) dockerProcess(path, host string, args []string) *exec.Cmd {
	docker := exec.Command(path, args...)
	docker.Stdin, docker.Stdout, docker.Stderr = p.streams.In, p.streams.Out, p.streams.Err
	docker.Env = append(slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains([]string{"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"}, name)
	}), "DOCKER_HOST="+host)
	return docker
}

// runToEnd runs a process and returns its exit code: 128 and the number of the signal
// if one ended it. The signals of the terminal reach the process, too, which decides
// what they mean; SIGTERM is passed on to it. ctx ends nothing once it runs.
func runToEnd(ctx context.Context, process *exec.Cmd) (int, error) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGQUIT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as with nohup
		signal.Notify(signals, syscall.SIGHUP)
	}
	defer signal.Stop(signals)
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := process.Start(); err != nil {
		return 0, err
	}
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		for {
			select {
			case received := <-signals:
				if received == syscall.SIGTERM {
					_ = process.Process.Signal(received)
				}
			case <-ended:
				return
			}
		}
	}()
	err := process.Wait()
	var failed *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case !errors.As(err, &failed):
		return 0, err
	}
	if status, is := failed.Sys().(syscall.WaitStatus); is && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return failed.ExitCode(), nil
}
