package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/dindctl/dindctl/hack/cluster/internal/build"
	"github.com/dindctl/dindctl/hack/cluster/internal/cgroup"
	"github.com/dindctl/dindctl/hack/cluster/internal/control"
	"github.com/dindctl/dindctl/hack/cluster/internal/imageset"
	"github.com/dindctl/dindctl/hack/cluster/internal/network"
	"github.com/dindctl/dindctl/hack/cluster/internal/node"
	"github.com/dindctl/dindctl/hack/cluster/internal/process"
)

func (l *launcher) up(ctx context.Context) error {
	programs, builder, err := l.build(ctx)
	if err != nil {
		return err
	}
	groups, err := cgroup.Detect()
	if err != nil {
		return err
	}
	if err := l.place(ctx, groups); err != nil {
		return err
	}
	contents, err := control.Configure(l.paths)
	if err != nil {
		return err
	}
	if err := l.links(programs.Kube); err != nil {
		return err
	}
	served, err := os.ReadFile(imageset.File(l.paths.Images))
	if err != nil {
		return err
	}
	run := starter{launcher: l, groups: groups, components: control.Components(l.paths, programs), specs: map[string]string{}}
	since := time.Time{}
	for _, component := range run.components {
		influences := append([]string{programs.Kube, component.Program, contents[component.Config]}, component.Arguments...)
		if component.Name == "registry" {
			influences = append(influences, string(served))
		}
		run.specs[component.Name] = process.Spec(influences...)
		started, err := run.start(component)
		if err != nil {
			return err
		}
		if started && component.Name == "kubelet" {
			since = time.Now()
		}
	}
	if err := run.settle(ctx, since); err != nil {
		return err
	}
	return builder.Collect()
}

// place makes sure there is a node to start programs in. What an unclean end
// left is cleared away like a machine's memory at a reboot; its disk stays.
func (l *launcher) place(ctx context.Context, groups cgroup.Layout) error {
	if l.records.Load(node.Holder).Alive() && node.Ready(l.paths) && network.Exists() {
		return nil
	}
	if network.Exists() || len(groups.Leftovers()) > 0 {
		l.say("found a cluster that did not end cleanly: clearing it away, its data stays")
	}
	if err := l.clear(groups); err != nil {
		return fmt.Errorf("clearing away an earlier cluster: %w", err)
	}
	if err := os.MkdirAll(l.paths.In("run"), 0o755); err != nil {
		return err
	}
	if err := errors.Join(groups.Create(), network.Up()); err != nil {
		return err
	}
	if err := node.Start(l.paths, l.records, groups.Enter); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	check := control.Check{Name: "the node's mounts", Run: func(context.Context) error {
		if !node.Ready(l.paths) {
			return errors.New("not in place yet")
		}
		return nil
	}}
	return check.Wait(ctx, func() error { return l.died(node.Holder) })
}

// died explains the end of a component with its last words.
func (l *launcher) died(name string) error {
	if l.records.Load(name).Alive() {
		return nil
	}
	log := l.paths.Log(name)
	return fmt.Errorf("%s died at its start; the end of %s:\n%s\nrun `go run . up` again once the cause is gone, or `go run . down` to start from nothing",
		name, log, build.Tail(log, 20))
}
