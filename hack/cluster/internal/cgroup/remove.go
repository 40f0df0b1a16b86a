package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Leftovers returns the processes in the cluster's groups.
func (l Layout) Leftovers() []int {
	var pids []int
	for _, group := range l.groups() {
		data, err := os.ReadFile(filepath.Join(group, "cgroup.procs"))
		if err != nil {
			continue
		}
		for field := range strings.FieldsSeq(string(data)) {
			// 0 is a process outside this PID namespace.
			if pid, err := strconv.Atoi(field); err == nil && pid > 0 && !slices.Contains(pids, pid) {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// Kill kills each process in the cluster's groups. They have only what the
// cluster started, containers and their shims included.
func (l Layout) Kill(patience time.Duration) error {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		pids := l.Leftovers()
		if len(pids) == 0 {
			return nil
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		select {
		case <-deadline.C:
			return fmt.Errorf("processes %v survive SIGKILL: they hang in the kernel, see dmesg", pids)
		case <-tick.C:
		}
	}
}

// Remove removes the groups, innermost first. The kernel may keep a group busy for
// a moment after its last process has exited.
func (l Layout) Remove(patience time.Duration) error {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		groups := l.groups()
		slices.Reverse(groups)
		var failed error
		for _, group := range groups {
			if err := os.Remove(group); err != nil && !errors.Is(err, fs.ErrNotExist) {
				failed = err
			}
		}
		if failed == nil {
			return nil
		}
		select {
		case <-deadline.C:
			return fmt.Errorf("removing control groups: %w", failed)
		case <-tick.C:
		}
	}
}

// groups returns the cluster's groups in all hierarchies, parents first.
func (l Layout) groups() []string {
	var groups []string
	for _, hierarchy := range l.Hierarchies {
		_ = filepath.WalkDir(filepath.Join(hierarchy, Name), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return nil // removed in the meantime
			}
			if entry.IsDir() {
				groups = append(groups, path)
			}
			return nil
		})
	}
	return groups
}
