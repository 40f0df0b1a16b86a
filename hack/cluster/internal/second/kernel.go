package second

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/dindctl/dindctl/hack/cluster/internal/build"
	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
	"github.com/dindctl/dindctl/hack/cluster/internal/steps"
	"github.com/dindctl/dindctl/hack/cluster/internal/versions"
)

var (
	//go:embed kernel.sh
	kernelScript []byte
	//go:embed kernel.config
	kernelConfig []byte
)

// Kernel compiles the virtual machine's kernel, unless that was done before, and
// returns its path. Debian's own lacks nftables, and its older ones take several
// times as long to start a process.
func Kernel(ctx context.Context, p paths.Paths, board *steps.Board) (string, error) {
	recipe := sha256.Sum256(slices.Concat(kernelScript, kernelConfig, []byte(versions.LinuxSuite)))
	path := filepath.Join(p.Bin, fmt.Sprintf("linux-%x", recipe[:6]))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	workshop, err := build.Workshop(p.Bin, "linux")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(workshop)
	in := func(name string) string { return filepath.Join(workshop, name) }
	if err := os.WriteFile(in("kernel.config"), kernelConfig, 0o644); err != nil {
		return "", err
	}
	if err := os.WriteFile(in("kernel.sh"), kernelScript, 0o755); err != nil {
		return "", err
	}
	err = board.Step("compile Linux, the kernel of the second node", 6*time.Minute, func(detail func(string)) error {
		download := exec.CommandContext(ctx, "mmdebstrap", "--variant=extract", "--include=linux-source",
			// A mirror may be late, and the worst that it can have is an older kernel.
			`--aptopt=Acquire::Check-Valid-Until "false"`, versions.LinuxSuite, in("root"))
		if err := build.Run(download, p.Log("build-linux-source"), detail); err != nil {
			return err
		}
		compile := exec.CommandContext(ctx, "nice", "-n", "10", in("kernel.sh"), "kernel.config")
		compile.Dir = workshop
		return build.Run(compile, p.Log("build-linux"), detail)
	})
	if err != nil {
		return "", fmt.Errorf("building the kernel of the second node: %w", err)
	}
	return path, os.Rename(in("linux"), path)
}
