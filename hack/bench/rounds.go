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
	answered       time.Time // the daemon's first answer; zero if unknown or nothing was installed
	requests       []request // nil if they cannot be counted
	sent, received int64     // bytes; 0 without a relay
	memory         int64
}

// measurements are the samples by command, in the order of their first run.
type measurements struct {
	commands []*command
	programs []program
}

type command struct {
	name    string
	samples []sample // of the measured runs
	far     []sample // of the measured runs with latency to the API server
	cold    sample   // of the first run, with empty caches
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

// rounds runs the contenders in turns. Each round starts with another contender.
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
		if err := s.round(ctx, m, rotated(all, turn), s.kubeconfig, nil, near); err != nil {
			return nil, err
		}
	}
	return m, s.farRounds(ctx, m)
}

// farRounds runs the same rounds with latency between the clients and the API
// server. Clients have a discovery cache for each address, and it is empty for the
// relay's. With enough runs, the first round is therefore not counted.
func (s setting) farRounds(ctx context.Context, m *measurements) error {
	relayed := filepath.Join(s.scratch, "relayed.yaml")
	relay, err := startRelay(s.kubeconfig, relayed, latency)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: nothing is measured with latency:", err)
		return nil
	}
	defer relay.close()
	competing := s.contenders()[:competitors]
	if s.runs >= enoughRuns {
		if err := s.round(ctx, m, competing, relayed, relay, func(*command, sample) {}); err != nil {
			return err
		}
		competing = s.contenders()
	}
	far := func(c *command, v sample) { c.far = append(c.far, v) }
	for turn := range s.runs {
		fmt.Fprintf(os.Stderr, "bench: round %d of %d with %v latency\n", turn+1, s.runs, latency)
		if err := s.round(ctx, m, rotated(competing, turn), relayed, relay, far); err != nil {
			return err
		}
	}
	return nil
}

type contender func(context.Context, arena, measure) error

// contenders returns all contenders. The last one takes long and fills no caches, so
// it runs only in the rounds that are counted.
func (s setting) contenders() []contender { return []contender{dindctl, kubectl, helm, guide} }

const competitors = 3

func rotated[T any](all []T, turn int) []T {
	first := turn % len(all)
	return slices.Concat(all[first:], all[:first])
}

func (s setting) round(ctx context.Context, m *measurements, contenders []contender, kubeconfig string, relay *relay, record func(*command, sample)) error {
	for _, contender := range contenders {
		namespace, err := s.newNamespace(ctx)
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
			record(m.command(name), v)
			return nil
		})
		// Also after Ctrl-C, which cancels ctx.
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Minute)
		err = errors.Join(err, s.removeNamespace(ending, namespace))
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// measure runs work and records a sample. work returns the time at which it was
// done.
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
