package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dindctl/dindctl/hack/cluster/internal/cgroup"
	"github.com/dindctl/dindctl/hack/cluster/internal/control"
	"github.com/dindctl/dindctl/hack/cluster/internal/images"
	"github.com/dindctl/dindctl/hack/cluster/internal/network"
	"github.com/dindctl/dindctl/hack/cluster/internal/node"
	"github.com/dindctl/dindctl/hack/cluster/internal/second"
)

// join starts the second node, unless it runs, and waits until it is Ready.
func (l *launcher) join(ctx context.Context) error {
	if !l.records.Load(node.Holder).Alive() {
		return errors.New("the cluster is not running: start it with `go run . up`")
	}
	var err error
	if l.kubernetes, err = l.stored(); err != nil {
		return err
	}
	programs, _, err := l.build(ctx, images.All)
	if err != nil {
		return err
	}
	kernel, err := second.Kernel(ctx, l.paths, l.board)
	if err != nil {
		return err
	}
	return l.board.Step("start the second node, whose control groups are of version 2", 40*time.Second, func(detail func(string)) error {
		since := time.Time{}
		if !l.records.Load(second.Name).Alive() {
			groups, err := cgroup.Detect()
			if err != nil {
				return err
			}
			since = time.Now()
			on := control.Second(l.paths, l.kubernetes)
			if _, err := control.Configure(l.paths, on); err != nil {
				return err
			}
			// Without kube-router: on each change of a pod in the cluster it starts dozens of
			// processes, which would keep this node busy.
			components := on.Components(l.paths, programs)
			if err := second.Start(l.paths, l.records, kernel, on, components, groups.Enter); err != nil {
				return err
			}
		}
		ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("gave up after %s; see %s", patience, second.Logs(l.paths)))
		defer cancel()
		detail("waiting for its kubelet")
		return control.NodeCheck(l.paths, control.SecondName, since).Wait(ctx, func() error { return l.died(second.Name) })
	})
}

// leave stops the second node as a power failure does, and removes it from the
// cluster unless it is lost: then the cluster has to find out by itself.
func (l *launcher) leave(ctx context.Context, lost bool) error {
	if err := errors.Join(l.records.Stop(second.Name, grace(second.Name)), network.TapDown()); err != nil || lost {
		return err
	}
	return control.RemoveNode(ctx, l.paths, control.SecondName)
}
