package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/dindctl/dindctl/hack/cluster/internal/build"
	"github.com/dindctl/dindctl/hack/cluster/internal/cgroup"
	"github.com/dindctl/dindctl/hack/cluster/internal/control"
	"github.com/dindctl/dindctl/hack/cluster/internal/images"
	"github.com/dindctl/dindctl/hack/cluster/internal/imageset"
	"github.com/dindctl/dindctl/hack/cluster/internal/network"
	"github.com/dindctl/dindctl/hack/cluster/internal/node"
	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
	"github.com/dindctl/dindctl/hack/cluster/internal/process"
	"github.com/dindctl/dindctl/hack/cluster/internal/versions"
)

// up starts what is not running. Images of the set that a running cluster lacks
// are added to it.
func (l *launcher) up(ctx context.Context, set images.Set) error {
	if err := l.sameVersion(); err != nil {
		return err
	}
	programs, builder, err := l.build(ctx, set)
	if err != nil {
		return err
	}
	if err := builder.LinkClient(l.paths.In("docker")); err != nil {
		return err
	}
	err = l.board.Step("start what is not running of the cluster", 15*time.Second, func(detail func(string)) error {
		return l.start(ctx, programs, detail)
	})
	if err != nil {
		return err
	}
	return builder.Collect()
}

// sameVersion returns an error if the cluster's data is that of another version of
// Kubernetes: an API server may not read what a later one has stored.
func (l *launcher) sameVersion() error {
	version, err := l.stored()
	if err == nil && version != l.kubernetes {
		return fmt.Errorf("the cluster and its data are of Kubernetes %s, not %s: remove them with `go run . down` first", version, l.kubernetes)
	}
	return err
}

// stored returns the version of Kubernetes that the cluster's data is of.
func (l *launcher) stored() (versions.Release, error) {
	data, err := os.ReadFile(l.paths.In("kubernetes"))
	if errors.Is(err, os.ErrNotExist) {
		return l.kubernetes, nil
	}
	if err != nil {
		return "", err
	}
	return versions.ParseRelease(strings.TrimSpace(string(data)))
}

// start starts the components that are not running, and waits until the cluster
// is healthy.
func (l *launcher) start(ctx context.Context, programs control.Programs, detail func(string)) error {
	groups, err := cgroup.Detect()
	if err != nil {
		return err
	}
	if err := l.place(ctx, groups); err != nil {
		return err
	}
	if err := paths.WriteFile(l.paths.In("kubernetes"), []byte(l.kubernetes+"\n"), 0o644); err != nil {
		return err
	}
	first := control.First(l.paths, groups, l.kubernetes)
	contents, err := control.Configure(l.paths, first)
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
	run := starter{launcher: l, groups: groups, components: control.Components(l.paths, programs, first), specs: map[string]string{}}
	since := time.Time{}
	for _, component := range run.components {
		influences := append([]string{programs.Kube, component.Program, contents[component.Config]}, component.Arguments...)
		if component.Name == "registry" {
			influences = append(influences, string(served))
		}
		run.specs[component.Name] = process.Spec(influences...)
		detail(component.Name)
		started, err := run.start(component)
		if err != nil {
			return err
		}
		if started && component.Name == "kubelet" {
			since = time.Now()
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("gave up after %s; see the logs in %s", patience, l.paths.In("logs")))
	defer cancel()
	if err := run.settle(ctx, since, detail); err != nil || programs.KubeRouter == "" {
		return err
	}
	return run.enforce(ctx, control.PolicyEnforcer(l.paths, programs.KubeRouter), detail)
}

// place creates the node that programs are started in, unless there is one. What
// is left of a cluster that was killed is removed, as a reboot removes what is in
// memory; the data of the cluster stays.
func (l *launcher) place(ctx context.Context, groups cgroup.Layout) error {
	if l.records.Load(node.Holder).Alive() && node.Ready(l.paths) && network.Exists() {
		return nil
	}
	if network.Exists() || len(groups.Leftovers()) > 0 {
		l.board.Say("removing what is left of a cluster that was killed; its data stays")
	}
	if err := l.clear(groups); err != nil {
		return fmt.Errorf("removing an earlier cluster: %w", err)
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

// died returns an error with the end of its log if a component does not run.
func (l *launcher) died(name string) error {
	if l.records.Load(name).Alive() {
		return nil
	}
	log := l.paths.Log(name)
	return fmt.Errorf("%s exited at its start; the end of %s:\n%s\nremove the cause and run `go run . up` again, or start from nothing with `go run . down`",
		name, log, build.Tail(log, 20))
}
