package main

import (
	"context"
	"time"

	"github.com/dindctl/dindctl/hack/cluster/internal/cgroup"
	"github.com/dindctl/dindctl/hack/cluster/internal/control"
	"github.com/dindctl/dindctl/hack/cluster/internal/node"
	"github.com/dindctl/dindctl/hack/cluster/internal/process"
)

const (
	// patience is for a slow disk; a healthy start takes seconds.
	patience = 3 * time.Minute
	// revivals is how often components that rely on it are restarted.
	revivals = 30
)

// restarted reports whether a component exits in a healthy start and relies on being
// restarted: kubelet while containerd loads what it had stored before, and
// kube-controller-manager if the API server is not ready after half a minute.
func restarted(component string) bool {
	return component == "kubelet" || component == "kube-controller-manager"
}

// starter starts the components and restarts them until the cluster is healthy.
type starter struct {
	*launcher
	groups     cgroup.Layout
	components []control.Component
	specs      map[string]string

	revived  int
	lastLife time.Time // when a component was last started again
}

// start starts a component that does not run, or runs with another
// configuration, and reports whether it did.
func (s *starter) start(component control.Component) (bool, error) {
	record, spec := s.records.Load(component.Name), s.specs[component.Name]
	if record.Alive() {
		if record.Spec == spec {
			return false, nil
		}
		s.board.Say("restarting %s: its configuration changed", component.Name)
		if err := s.records.Stop(component.Name, grace(component.Name)); err != nil {
			return false, err
		}
	}
	argv := node.Enter(s.records, component.Program, component.Arguments...)
	return true, s.records.Start(component.Name, spec, argv, s.paths.Log(component.Name), s.groups.Enter)
}

// settle waits until the cluster is healthy.
func (s *starter) settle(ctx context.Context, since time.Time, detail func(string)) error {
	apply := control.Check{Name: "the cluster's own objects", Run: func(ctx context.Context) error { return control.Apply(ctx, s.paths) }}
	checks := append([]control.Check{control.ServerCheck(s.paths), apply}, control.Checks(s.paths, since)...)
	for _, check := range checks {
		detail("waiting for: " + check.Name)
		if err := check.Wait(ctx, s.alive); err != nil {
			return err
		}
	}
	return s.alive()
}

// enforce starts the component that enforces NetworkPolicies and waits until it does.
func (s *starter) enforce(ctx context.Context, component control.Component, detail func(string)) error {
	detail(component.Name)
	s.components = append(s.components, component)
	s.specs[component.Name] = process.Spec(append([]string{component.Program}, component.Arguments...)...)
	if _, err := s.start(component); err != nil {
		return err
	}
	return control.PolicyCheck().Wait(ctx, s.alive)
}

// alive returns an error if a component has exited and is not restarted.
func (s *starter) alive() error {
	for _, component := range s.components {
		err := s.died(component.Name)
		switch {
		case err == nil:
		case !restarted(component.Name) || s.revived == revivals:
			return err
		case time.Since(s.lastLife) > time.Second:
			s.revived, s.lastLife = s.revived+1, time.Now()
			if _, err := s.start(component); err != nil {
				return err
			}
		}
	}
	return nil
}
