package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// measurePeer measures each build of one way once.
func (a arena) measurePeer(ctx context.Context, p peer, samples *peerSamples) error {
	if p.start != nil {
		if err := p.start(ctx); err != nil {
			return err
		}
	}
	before, err := a.kept(ctx, p)
	if err != nil {
		return err
	}
	if _, err := a.buildAndPush(ctx, p, samples, peerFirst, peerPushAll); err != nil {
		return err
	}
	if after, err := a.kept(ctx, p); err != nil {
		return err
	} else if after != nil {
		samples.bytes = append(samples.bytes, *after-*before)
	}
	used, err := a.buildAndPush(ctx, p, samples, peerLater, peerPush)
	if err != nil {
		return err
	}
	samples.received, samples.sent = append(samples.received, used.received), append(samples.sent, used.sent)
	if p.builder == nil {
		return nil
	}
	if err := a.restart(ctx, *p.builder); err != nil {
		return err
	}
	if _, err := a.buildAndPush(ctx, p, samples, peerRestart, ""); err != nil {
		return err
	}
	if err := p.prune(ctx); err != nil {
		return err
	}
	_, err = a.buildAndPush(ctx, p, samples, peerPruned, "")
	return err
}

// buildAndPush builds, and pushes if push names that measurement and there is a registry.
// It returns what the pod that built received and sent.
func (a arena) buildAndPush(ctx context.Context, p peer, samples *peerSamples, build, push string) (traffic, error) {
	p.job.afterwards = countTraffic
	if push != "" && a.registry != "" {
		p.job.afterwards = pushScript + countTraffic
	}
	var before traffic
	if p.builder != nil {
		var err error
		if before, err = a.traffic(ctx, *p.builder); err != nil {
			return traffic{}, err
		}
	}
	log, err := a.runPeer(ctx, p)
	if err != nil {
		return traffic{}, fmt.Errorf("%s: %w", build, err)
	}
	measured, err := readBursts(log)
	if err == nil {
		err = samples.add(build, measured[0])
	}
	if err == nil && len(measured) > 1 {
		err = samples.add(push, measured[1])
	}
	if err != nil {
		return traffic{}, fmt.Errorf("%s: %w\n%s", build, err, log)
	}
	if p.builder == nil {
		return readTraffic(log)
	}
	after, err := a.traffic(ctx, *p.builder)
	return traffic{after.received - before.received, after.sent - before.sent}, err
}

// runPeer runs the script as a job or in the builder's container, and returns its log.
func (a arena) runPeer(ctx context.Context, p peer) (string, error) {
	if !p.inside {
		return a.runJob(ctx, p.job)
	}
	var script strings.Builder
	for name, value := range p.job.variables() {
		fmt.Fprintf(&script, "export %s='%s'\n", name, value)
	}
	return a.inBuilder(ctx, *p.builder, script.String()+"unset DOCKER_HOST\n"+p.job.commands())
}

func (a arena) traffic(ctx context.Context, b builder) (traffic, error) {
	counters, err := a.inBuilder(ctx, b, countTraffic)
	if err != nil {
		return traffic{}, err
	}
	return readTraffic(counters)
}

// kept returns the bytes that are kept for the next build, on the builder's volume or in
// the registry; nil if nothing is.
func (a arena) kept(ctx context.Context, p peer) (*int64, error) {
	var bytes int64
	var err error
	switch {
	case p.builder != nil:
		bytes, err = a.dataBytes(ctx, *p.builder)
	case p.cache != "":
		if bytes, err = manifestBytes(ctx, p.cache); errors.Is(err, errNoManifest) {
			err = nil // before the first build
		}
	default:
		return nil, nil
	}
	return &bytes, err
}
