// Package host checks the machine and installs the packages that the cluster needs.
package host

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
)

// Demands returns an error with everything that the machine lacks. Needed is how
// many bytes the file system of the cache must have free.
func Demands(cache string, needed uint64) error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("the embedded cluster runs on Linux only, this is %s: use a Linux machine or a VM", runtime.GOOS)
	}
	var problems []error
	if os.Geteuid() != 0 {
		problems = append(problems, errors.New("not root: namespaces and mounts need it; run `sudo env PATH=\"$PATH\" go run . up`"))
	}
	if _, err := exec.LookPath("go"); err != nil {
		problems = append(problems, errors.New("no go command in PATH: install Go, see https://go.dev/doc/install"))
	}
	if err := enoughDisk(cache, needed); err != nil {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

func enoughDisk(cache string, needed uint64) error {
	directory := cache
	for {
		if _, err := os.Stat(directory); err == nil {
			break
		}
		directory = filepath.Dir(directory)
	}
	var status syscall.Statfs_t
	if err := syscall.Statfs(directory, &status); err != nil {
		return fmt.Errorf("asking for free space at %s: %w", directory, err)
	}
	if free := status.Bavail * uint64(status.Bsize); free < needed {
		return fmt.Errorf("%.1f GB free at %s, %.0f GB needed: free some, or set DINDCTL_CACHE to a directory on a larger disk",
			float64(free)/1e9, directory, float64(needed)/1e9)
	}
	return nil
}
