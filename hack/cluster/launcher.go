package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/dindctl/dindctl/hack/cluster/internal/build"
	"github.com/dindctl/dindctl/hack/cluster/internal/node"
	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
	"github.com/dindctl/dindctl/hack/cluster/internal/process"
	"github.com/dindctl/dindctl/hack/cluster/internal/steps"
	"github.com/dindctl/dindctl/hack/cluster/internal/versions"
)

// launcher is what each command works with.
type launcher struct {
	paths   paths.Paths
	records process.Records
	board   *steps.Board
	// kubernetes is the version that is built and started.
	kubernetes versions.Release
}

func records(p paths.Paths) process.Records { return process.Records(p.In("run")) }

// locked lets one command at a time change the cluster. The lock ends when the
// process exits.
func (l *launcher) locked(ctx context.Context, work func(context.Context) error) error {
	if err := os.MkdirAll(l.paths.Cache, 0o755); err != nil {
		return fmt.Errorf("creating the cache directory: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(l.paths.Cache, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("opening the lock: %w", err)
	}
	defer file.Close()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for said := false; ; {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return work(ctx)
		}
		if err != syscall.EWOULDBLOCK {
			return fmt.Errorf("locking %s: %w", file.Name(), err)
		}
		if !said {
			l.board.Say("waiting for another command on this cluster to finish")
			said = true
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// step runs a build of this repository and reports it as a step.
func (l *launcher) step(ctx context.Context, title string, usually time.Duration, arguments []string) error {
	if len(arguments) == 0 {
		return errUsage
	}
	return l.board.Step(title, usually, func(detail func(string)) error {
		return build.Run(exec.CommandContext(ctx, arguments[0], arguments[1:]...), l.paths.Log("step"), build.Progress(detail))
	})
}

// exec replaces this process with a program in the node's namespaces, for
// example ctr or nft.
func (l *launcher) exec(arguments []string) error {
	if len(arguments) == 0 {
		return errUsage
	}
	if !l.records.Load(node.Holder).Alive() {
		return fmt.Errorf("the cluster is not running: start it with `go run . up`")
	}
	argv := node.Enter(l.records, arguments[0], arguments[1:]...)
	program, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	return syscall.Exec(program, argv, os.Environ())
}
