// Command client prints the path of a kubectl or helm for hack/bench: the one on
// the machine if its version fits, or one that it builds from its module and keeps
// in dindctl's cache.
//
//	go run ./client kubectl|helm
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	path, err := find(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
	fmt.Println(path)
}

func find(ctx context.Context, arguments []string) (string, error) {
	if len(arguments) != 1 {
		return "", errors.New("usage: go run ./client kubectl|helm")
	}
	program, known := programs[arguments[0]]
	if !known {
		return "", fmt.Errorf("no recipe for %q: kubectl and helm have one", arguments[0])
	}
	if own, err := exec.LookPath(program.name); err == nil {
		version, err := exec.CommandContext(ctx, own, program.askVersion...).Output()
		if err == nil && program.fits(strings.TrimSpace(string(version))) {
			return own, nil
		}
	}
	return program.build(ctx)
}

// build builds the program unless the cache has it. The file keeps the plain name
// of the program, which clients of Kubernetes send as their user agent.
func (p program) build(ctx context.Context) (string, error) {
	bin, err := cacheBin()
	if err != nil {
		return "", err
	}
	home := filepath.Join(bin, p.name+"-"+p.version)
	path := filepath.Join(home, p.name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", err
	}
	workshop, err := os.MkdirTemp(bin, ".building-"+p.name+"-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(workshop)

	fmt.Fprintf(os.Stderr, "building %s %s from its module\n", p.name, p.version)
	if err := run(ctx, p.recipe(workshop)); err != nil {
		return "", fmt.Errorf("building %s: %w", p.name, err)
	}
	if err := os.Rename(workshop, home); err != nil {
		if _, there := os.Stat(path); there != nil {
			return "", err
		}
		// Another process has built it in the meantime.
	}
	return path, nil
}

// run prints the output of a build only if it fails. It lowers the priority of
// the build, beside which `make test` runs tests.
func run(ctx context.Context, recipe *exec.Cmd) error {
	command := exec.CommandContext(ctx, "nice", append([]string{"-n", "10"}, recipe.Args...)...)
	command.Dir, command.Env = recipe.Dir, recipe.Env
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGTERM) }
	command.WaitDelay = 10 * time.Second
	output, err := command.CombinedOutput()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(output)), "\n")
		return fmt.Errorf("%w\n%s", err, strings.Join(lines[max(0, len(lines)-20):], "\n"))
	}
	return nil
}

// cacheBin returns the directory in which hack/cluster, too, keeps its programs.
func cacheBin() (string, error) {
	cache := os.Getenv("DINDCTL_CACHE")
	if cache == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("no directory for the cache, set DINDCTL_CACHE: %w", err)
		}
		cache = filepath.Join(base, "dindctl")
	}
	return filepath.Abs(filepath.Join(cache, "bin"))
}
