package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// sample is one run of one command.
type sample struct {
	seconds        float64
	done           time.Time
	answered       time.Time // when the daemon did first; zero for what installs nothing, and where it can't be told
	requests       []request // nil where they can't be counted
	sent, received int64     // 0 where nobody counts them
	memory         int64
}

// measurements are the samples by command, in the order of their first run.
type measurements struct {
	commands []*command
	programs []program
}

type command struct {
	name    string
	samples []sample // the timed ones
	far     []sample // the timed ones, far away from the API server
	cold    sample   // the first, with empty caches
}

func (m *measurements) command(name string) *command {
	for _, c := range m.commands {
		if c.name == name {
			return c
		}
	}
	m.commands = append(m.commands, &command{name: name})
	return m.commands[len(m.commands)-1]
}

// rounds lets the contenders run in turns, each round beginning with another.
func (s setting) rounds(ctx context.Context) (*measurements, error) {
	m := &measurements{}
	var err error
	if m.programs, err = s.programs(ctx); err != nil {
		return nil, err
	}
	all := s.contenders()
	cold := func(c *command, v sample) { c.cold = v }
	if err := s.round(ctx, m, all[:competitors], s.kubeconfig, nil, cold); err != nil {
		return nil, err
	}
	near := func(c *command, v sample) { c.samples = append(c.samples, v) }
	for turn := range s.runs {
		fmt.Fprintf(os.Stderr, "bench: round %d of %d\n", turn+1, s.runs)
		if err := s.round(ctx, m, turned(all, turn), s.kubeconfig, nil, near); err != nil {
			return nil, err
		}
	}
	return m, s.farRounds(ctx, m)
}

// farRounds are the same with a distance between the clients and the API server.
// Clients keep a discovery cache for each address, and this one is new to them:
// the first round is not counted, unless it is a sample anyway.
func (s setting) farRounds(ctx context.Context, m *measurements) error {
	relayed := filepath.Join(s.scratch, "relayed.yaml")
	relay, err := startRelay(s.kubeconfig, relayed, farAway)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: nothing is measured from far away:", err)
		return nil
	}
	defer relay.close()
	competing := s.contenders()[:competitors]
	if s.runs >= enough {
		if err := s.round(ctx, m, competing, relayed, relay, func(*command, sample) {}); err != nil {
			return err
		}
		competing = s.contenders()
	}
	far := func(c *command, v sample) { c.far = append(c.far, v) }
	for turn := range s.runs {
		fmt.Fprintf(os.Stderr, "bench: round %d of %d, %v away\n", turn+1, s.runs, farAway)
		if err := s.round(ctx, m, turned(competing, turn), relayed, relay, far); err != nil {
			return err
		}
	}
	return nil
}

type contender func(context.Context, arena, measure) error

// contenders are all there are; the last one takes long and knows nothing of
// caches, so it runs only in the rounds that count.
func (s setting) contenders() []contender { return []contender{dindctl, kubectl, helm, guide} }

const competitors = 3

func turned(all []contender, turn int) []contender {
	first := turn % len(all)
	return slices.Concat(all[first:], all[:first])
}

func (s setting) round(ctx context.Context, m *measurements, contenders []contender, kubeconfig string, relay *relay, note func(*command, sample)) error {
	for _, contender := range contenders {
		namespace, err := s.freshNamespace(ctx)
		if err != nil {
			return err
		}
		a, err := s.arena(namespace, kubeconfig)
		if err != nil {
			return err
		}
		err = contender(ctx, a, func(name string, work func() (time.Time, error)) error {
			v, err := a.sample(ctx, relay, work)
			if err == nil && slices.Contains([]string{byDindctl, byKubectl, byHelm}, name) {
				v.answered, err = s.firstAnswer(ctx, namespace, v.done)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			note(m.command(name), v)
			return nil
		})
		// Also after Ctrl-C, so not within the context that it has ended.
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Minute)
		err = errors.Join(err, s.removeNamespace(ending, namespace))
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// measure runs and records a piece of work, which says when it was done.
type measure func(name string, work func() (done time.Time, err error)) error

func (a arena) sample(ctx context.Context, relay *relay, work func() (time.Time, error)) (sample, error) {
	from, err := a.audit.end()
	if err != nil {
		return sample{}, err
	}
	relay.reset()
	a.memory.Store(0)
	began := time.Now()
	done, err := work()
	if err != nil {
		return sample{}, err
	}
	v := sample{seconds: done.Sub(began).Seconds(), done: done, memory: a.memory.Load()}
	v.sent, v.received = relay.bytes()
	v.requests, err = a.audit.since(ctx, from, a.namespace)
	return v, err
}
