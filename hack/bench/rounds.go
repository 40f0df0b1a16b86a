package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// sample is one run of one command.
type sample struct {
	seconds        float64
	requests       []request // nil where they can't be counted
	sent, received int64
}

// measurements are the samples by command, in the order of their first run.
type measurements struct {
	commands []*command
}

type command struct {
	name    string
	samples []sample // the timed ones
	cold    sample   // the first, with empty caches
	traffic sample   // one through a relay that counts bytes
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
	if err := s.removeLeftovers(ctx); err != nil {
		return nil, err
	}
	m := &measurements{}
	note := func(c *command, v sample) { c.cold = v }
	if err := s.round(ctx, m, 0, s.kubeconfig, nil, note); err != nil {
		return nil, err
	}
	note = func(c *command, v sample) { c.samples = append(c.samples, v) }
	for turn := range s.runs {
		fmt.Fprintf(os.Stderr, "bench: round %d of %d\n", turn+1, s.runs)
		if err := s.round(ctx, m, turn, s.kubeconfig, nil, note); err != nil {
			return nil, err
		}
	}
	if s.runs < enough {
		return m, nil
	}
	return m, s.countBytes(ctx, m)
}

// countBytes adds two rounds that are not timed: clients keep a discovery cache
// for each address, and the relay's is new to them.
func (s setting) countBytes(ctx context.Context, m *measurements) error {
	fmt.Fprintln(os.Stderr, "bench: two more rounds, to count bytes")
	relayed := filepath.Join(s.scratch, "relayed.yaml")
	relay, err := startRelay(s.kubeconfig, relayed)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: bytes are not counted:", err)
		return nil
	}
	defer relay.close()
	for _, note := range []func(*command, sample){
		func(*command, sample) {},
		func(c *command, v sample) { c.traffic = v },
	} {
		if err := s.round(ctx, m, 0, relayed, relay, note); err != nil {
			return err
		}
	}
	return nil
}

func (s setting) round(ctx context.Context, m *measurements, turn int, kubeconfig string, relay *relay, note func(*command, sample)) error {
	contenders := []func(context.Context, arena, measure) error{dindctl, kubectl, helm}
	for i := range contenders {
		contender := contenders[(i+turn)%len(contenders)]
		namespace, err := s.freshNamespace(ctx)
		if err != nil {
			return err
		}
		a, err := s.arena(namespace, kubeconfig)
		if err != nil {
			return err
		}
		err = contender(ctx, a, func(name string, work func() (time.Time, error)) error {
			v, err := s.sample(ctx, namespace, relay, work)
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

func (s setting) sample(ctx context.Context, namespace string, relay *relay, work func() (time.Time, error)) (sample, error) {
	from, err := s.audit.end()
	if err != nil {
		return sample{}, err
	}
	relay.reset()
	began := time.Now()
	done, err := work()
	if err != nil {
		return sample{}, err
	}
	v := sample{seconds: done.Sub(began).Seconds()}
	v.sent, v.received = relay.bytes()
	v.requests, err = s.audit.since(ctx, from, namespace)
	return v, err
}
