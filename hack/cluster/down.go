package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/dindctl/dindctl/hack/cluster/internal/cgroup"
	"github.com/dindctl/dindctl/hack/cluster/internal/control"
	"github.com/dindctl/dindctl/hack/cluster/internal/network"
	"github.com/dindctl/dindctl/hack/cluster/internal/node"
	"github.com/dindctl/dindctl/hack/cluster/internal/second"
)

// stopOrder stops what starts pods before the pods, and the store last. The
// process that holds the mounts is the last one.
var stopOrder = []string{
	second.Name,
	"kubelet", "kube-proxy", "kube-scheduler", "kube-controller-manager",
	control.KubeRouter, "coredns", "kube-apiserver", "containerd", "registry", "etcd", node.Holder,
}

// grace returns how long a component may take to stop. The API server would wait
// a minute for its watches; what it has confirmed is in etcd.
func grace(component string) time.Duration {
	switch component {
	case "etcd", "containerd":
		return 10 * time.Second
	case "kube-apiserver":
		return time.Second
	}
	return 3 * time.Second
}

func (l *launcher) down(keepData bool) error {
	if os.Geteuid() != 0 {
		return errors.New("not root: run this command with sudo")
	}
	groups, err := cgroup.Detect()
	if err != nil {
		return err
	}
	if err := l.clear(groups); err != nil {
		return fmt.Errorf("stopping the cluster: %w", err)
	}
	node.Clean(l.paths)
	if keepData {
		l.board.Say("stopped; its data stays in %s", l.paths.State)
		return nil
	}
	// The logs stay: they are needed after a failure.
	entries, err := os.ReadDir(l.paths.State)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, entry := range entries {
		if entry.Name() != "logs" {
			err = errors.Join(err, os.RemoveAll(filepath.Join(l.paths.State, entry.Name())))
		}
	}
	l.board.Say("stopped; its logs stay in %s", l.paths.In("logs"))
	return err
}

// clear stops each process and removes its control groups and the network,
// whatever state they are in. The mounts end with their namespace.
func (l *launcher) clear(groups cgroup.Layout) error {
	for _, name := range stopOrder {
		if err := l.records.Stop(name, grace(name)); err != nil {
			return err
		}
	}
	// Pods and their shims remain, and nothing that would restart them.
	if err := groups.Kill(20 * time.Second); err != nil {
		return err
	}
	if err := network.Down(); err != nil {
		return err
	}
	return groups.Remove(10 * time.Second)
}
