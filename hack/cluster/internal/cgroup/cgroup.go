// Package cgroup keeps everything that the cluster starts in its own control
// groups: pods below one that kubelet manages, the node's programs in another.
// What is left of a cluster that was killed can be found there.
package cgroup

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Name is the group that contains all others, in each hierarchy.
const Name = "dindctl"

// Layout is the control group hierarchies that this machine has mounted.
type Layout struct {
	Unified     bool     // one version 2 hierarchy, and nothing else
	Hierarchies []string // mount points
}

// Detect reads the layout from the mount table.
func Detect() (Layout, error) {
	file, err := os.Open("/proc/self/mounts")
	if err != nil {
		return Layout{}, err
	}
	defer file.Close()
	var lines []string
	scanner := bufio.NewScanner(file)
	for scanner.Scan() {
		lines = append(lines, scanner.Text())
	}
	return parse(lines)
}

func parse(mounts []string) (Layout, error) {
	var layout Layout
	seen := map[string]bool{}
	for _, line := range mounts {
		fields := strings.Fields(line)
		if len(fields) < 3 || seen[fields[1]] || !strings.HasPrefix(fields[1], "/sys/fs/cgroup") {
			continue
		}
		switch fields[2] {
		case "cgroup2":
			layout.Unified = fields[1] == "/sys/fs/cgroup"
		case "cgroup":
		default:
			continue
		}
		seen[fields[1]] = true
		layout.Hierarchies = append(layout.Hierarchies, fields[1])
	}
	if len(layout.Hierarchies) == 0 {
		return Layout{}, errors.New("no control groups under /sys/fs/cgroup: mount them (package cgroupfs-mount) or run where they are")
	}
	return layout, nil
}

// Create creates the group in each hierarchy. On version 2 all controllers are
// enabled in it, because kubelet does not start without some of them.
func (l Layout) Create() error {
	for _, hierarchy := range l.Hierarchies {
		for _, group := range []string{Name, filepath.Join(Name, "node")} {
			if err := os.MkdirAll(filepath.Join(hierarchy, group), 0o755); err != nil {
				return fmt.Errorf("creating the control group: %w", err)
			}
			if err := inheritCPUSet(filepath.Join(hierarchy, group)); err != nil {
				return fmt.Errorf("creating the control group: %w", err)
			}
		}
	}
	if !l.Unified {
		return nil
	}
	root := l.Hierarchies[0]
	controllers, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	if err != nil {
		return fmt.Errorf("reading the controllers: %w", err)
	}
	for _, group := range []string{root, filepath.Join(root, Name)} {
		for controller := range strings.FieldsSeq(string(controllers)) {
			// One at a time: one that cannot be enabled here must not prevent
			// the others. kubelet names those that it misses.
			_ = os.WriteFile(filepath.Join(group, "cgroup.subtree_control"), []byte("+"+controller), 0o644)
		}
	}
	return nil
}

// inheritCPUSet sets what version 1 leaves empty in a new group. Without it, no
// process can enter the group.
func inheritCPUSet(group string) error {
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		own, err := os.ReadFile(filepath.Join(group, name))
		if err != nil || strings.TrimSpace(string(own)) != "" {
			continue // not this hierarchy, or already set
		}
		parent, err := os.ReadFile(filepath.Join(filepath.Dir(group), name))
		if err != nil || strings.TrimSpace(string(parent)) == "" {
			continue // version 2 inherits it
		}
		if err := os.WriteFile(filepath.Join(group, name), parent, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// tracking returns the hierarchy that records which processes are the node's. The
// others keep accounting for them in the group of the launcher.
func (l Layout) tracking() string {
	for _, hierarchy := range l.Hierarchies {
		if filepath.Base(hierarchy) == "freezer" {
			return hierarchy
		}
	}
	return l.Hierarchies[0]
}

// Enter moves a process of the node to its group, which its children inherit.
func (l Layout) Enter(pid int) error {
	file := filepath.Join(l.tracking(), Name, "node", "cgroup.procs")
	if err := os.WriteFile(file, fmt.Append(nil, pid), 0o644); err != nil {
		return fmt.Errorf("entering the control group: %w", err)
	}
	return nil
}
