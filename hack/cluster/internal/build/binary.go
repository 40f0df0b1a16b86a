// Package build builds the cluster's programs and keeps each of them under a
// name that identifies what it was built from.
package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/dindctl/dindctl/hack/cluster/internal/steps"
)

// Binary is a program and everything that determines how it is built.
type Binary struct {
	Name string
	// Title is what a step that builds it is called.
	Title string `json:"-"`
	// Usually is how long the first build takes on two processors, beside the
	// builds that run at the same time.
	Usually time.Duration `json:"-"`
	Version string
	// Package is an import path. Without Source it is built from the module
	// proxy at Version; with Source, from that directory.
	Package string
	Tags    string
	Ldflags string
	CGO     bool
	// Module is the version to ask the proxy for, where it is not Version.
	Module string
	// Source is the directory of a module or of one file's package in the
	// checkout. The name of the built program depends on the content of the
	// directory, not on its place; with Parts, on these files and directories
	// in it only.
	Source string `json:"-"`
	Parts  []string
	// Prepare, if set, runs before the build, in the directory for its files, and
	// returns further arguments of `go build`. What they mean has to follow from
	// Version.
	Prepare func(ctx context.Context, workshop string) ([]string, error) `json:"-"`
}

// Path returns where the built program is kept in bin.
func (b Binary) Path(bin string) (string, error) {
	hash, err := b.hash()
	if err != nil {
		return "", err
	}
	return filepath.Join(bin, fmt.Sprintf("%s-%s-%s", b.Name, b.Version, hash)), nil
}

func (b Binary) hash() (string, error) {
	sum := sha256.New()
	recipe, err := json.Marshal(b)
	if err != nil {
		return "", err
	}
	fmt.Fprintln(sum, string(recipe), runtime.Version(), runtime.GOARCH)
	if b.Source != "" {
		parts := b.Parts
		if len(parts) == 0 {
			parts = []string{"."}
		}
		for _, part := range parts {
			if err := hashSources(sum, b.Source, part); err != nil {
				return "", fmt.Errorf("reading the sources of %s: %w", b.Name, err)
			}
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:12], nil
}

// hashSources adds every Go and module file in one part of a directory.
func hashSources(sum io.Writer, directory, part string) error {
	return filepath.WalkDir(filepath.Join(directory, part), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name := entry.Name()
		isSource := strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
		if !isSource && name != "go.mod" && name != "go.sum" {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(directory, path)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(sum, "%s %d\n%s", relative, len(data), data)
		return err
	})
}

// workshopPrefix marks the directories in which builds run.
const workshopPrefix = ".building-"

// Sweep creates the directory for builds and removes what interrupted builds
// left in it. It must not run while a build runs.
func Sweep(bin string) error {
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	left, err := filepath.Glob(filepath.Join(bin, workshopPrefix+"*"))
	for _, workshop := range left {
		err = errors.Join(err, os.RemoveAll(workshop))
	}
	return err
}

// Workshop creates a directory in which a program is built. The caller removes it.
func Workshop(bin, name string) (string, error) {
	return os.MkdirTemp(bin, workshopPrefix+name+"-")
}

// Make builds the program unless bin has it, and returns its path. What several
// images need is built once: the others wait for it.
func (b Binary) Make(ctx context.Context, bin, log string, board *steps.Board) (string, error) {
	path, err := b.Path(bin)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	lock, err := os.Create(filepath.Join(bin, workshopPrefix+filepath.Base(path)+".lock"))
	if err != nil {
		return "", err
	}
	defer lock.Close() // which unlocks it
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("locking %s: %w", lock.Name(), err)
	}
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	workshop, err := Workshop(bin, b.Name)
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(workshop)

	err = board.Step(fmt.Sprintf("compile %s %s", b.Title, b.Version), b.Usually, func(detail func(string)) error {
		var further []string
		if b.Prepare != nil {
			if further, err = b.Prepare(ctx, workshop); err != nil {
				return err
			}
		}
		return Run(b.command(ctx, workshop, further), log, Progress(detail))
	})
	if err != nil {
		return "", fmt.Errorf("building %s: %w", b.Name, err)
	}
	return path, os.Rename(filepath.Join(workshop, b.output()), path)
}

// output returns the name that the go command gives the program.
func (b Binary) output() string {
	if b.Source != "" {
		return b.Name
	}
	return filepath.Base(b.Package)
}

func (b Binary) command(ctx context.Context, workshop string, further []string) *exec.Cmd {
	arguments := []string{"-n", "10", "go"}
	if b.Source != "" {
		arguments = append(arguments, "build", "-o", filepath.Join(workshop, b.output()))
	} else {
		arguments = append(arguments, "install")
	}
	arguments = append(arguments, "-v", "-trimpath", "-buildvcs=false", "-ldflags", b.Ldflags)
	if b.Tags != "" {
		arguments = append(arguments, "-tags", b.Tags)
	}
	arguments = append(arguments, further...)
	if b.Source != "" {
		arguments = append(arguments, b.Package)
	} else {
		module := b.Module
		if module == "" {
			module = b.Version
		}
		arguments = append(arguments, b.Package+"@"+module)
	}
	command := exec.CommandContext(ctx, "nice", arguments...)
	command.Dir = workshop
	if b.Source != "" {
		command.Dir = b.Source
	}
	cgo := "CGO_ENABLED=0"
	if b.CGO {
		cgo = "CGO_ENABLED=1"
	}
	command.Env = append(os.Environ(), cgo, "GOBIN="+workshop, "GOWORK=off", "GO111MODULE=on")
	return command
}
