package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// The ways to a built image that are measured. The first is GitLab's guide, the
// others are dindctl's, in the order in which they happen.
const (
	perJob      = "a daemon for each job, as in GitLab's guide"
	firstBuild  = "dindctl, the first build"
	warmBuild   = "dindctl, the next builds"
	afterWeekly = "dindctl, after the weekly clean-up"
	afterGuides = "after the guides' clean-up (system prune -af)"
)

// buildSize is what is built: how many megabytes of dependencies, and of how
// many builds at once the daemon is given.
type buildSize struct {
	megabytes int
	atOnce    []int
}

// sizeFor is the real thing, or a sample that shows that everything works.
func sizeFor(runs int) buildSize {
	if runs < enough {
		return buildSize{megabytes: 20, atOnce: []int{1, 4}}
	}
	return buildSize{megabytes: 200, atOnce: []int{1, 2, 4, 8, 16}}
}

// buildSamples are what one engine's rounds gave.
type buildSamples struct {
	image  string
	ways   map[string][]float64
	atOnce map[int][]burst
}

// burst is a number of builds at once.
type burst struct {
	seconds float64
	failed  int
}

// engines are the images of the daemon to measure, as the tests have them.
func engines() []string {
	if images := os.Getenv("DINDCTL_E2E_IMAGES"); images != "" {
		return strings.Split(images, ",")
	}
	return []string{"docker:26.1.5-dind", "docker:29.7.2-dind"}
}

// builds measures each engine in turns, each time in a fresh namespace.
func (s setting) builds(ctx context.Context) (*buildFigures, error) {
	size := sizeFor(s.runs)
	all := make([]*buildSamples, 0, 2)
	for _, image := range engines() {
		all = append(all, &buildSamples{image: image, ways: map[string][]float64{}, atOnce: map[int][]burst{}})
	}
	for turn := range s.runs {
		for _, samples := range all {
			fmt.Fprintf(os.Stderr, "bench: builds with %s, round %d of %d\n", samples.image, turn+1, s.runs)
			if err := s.buildRound(ctx, samples, size, turn); err != nil {
				return nil, fmt.Errorf("builds with %s: %w", samples.image, err)
			}
		}
	}
	return newBuildFigures(all, size), nil
}

// buildRound takes all ways once. A daemon for each job goes first and last in
// turns: what the machine's caches do for one, they do for the other.
func (s setting) buildRound(ctx context.Context, samples *buildSamples, size buildSize, turn int) (err error) {
	namespace, err := s.freshNamespace(ctx)
	if err != nil {
		return err
	}
	defer func() {
		// Also after Ctrl-C, so not within the context that it has ended.
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Minute)
		defer cancel()
		err = errors.Join(err, s.removeNamespace(ending, namespace))
	}()
	a, err := s.arena(namespace, s.kubeconfig)
	if err != nil {
		return err
	}
	ways := []func(context.Context) error{
		func(ctx context.Context) error { return a.buildPerJob(ctx, samples, size) },
		func(ctx context.Context) error { return a.buildShared(ctx, samples, size) },
	}
	if turn%2 == 1 {
		slices.Reverse(ways)
	}
	for _, way := range ways {
		if err := way(ctx); err != nil {
			return err
		}
	}
	return nil
}

// buildPerJob builds with a daemon that lives as long as the job.
func (a arena) buildPerJob(ctx context.Context, samples *buildSamples, size buildSize) error {
	built, err := a.buildJob(ctx, buildPod{image: samples.image, daemon: true, registry: a.registry, megabytes: size.megabytes, builds: 1})
	if err != nil {
		return err
	}
	return samples.add(perJob, built)
}

// buildShared builds with the daemon that dindctl installs: first and again,
// after the clean-up that it runs weekly and after that of the guides, and many
// at once.
func (a arena) buildShared(ctx context.Context, samples *buildSamples, size buildSize) error {
	install := []string{"install", "-n", a.namespace, "--image", samples.image, "--storage-size", "10Gi"}
	if a.registry != "" {
		install = append(install, "--registry-mirror", "http://"+a.registry)
	}
	if _, err := a.run(ctx, a.dindctl, install...); err != nil {
		return err
	}
	job := buildPod{image: samples.image, megabytes: size.megabytes, builds: 1}
	for _, step := range []struct {
		way    string
		before func() error
	}{
		{firstBuild, nil},
		{warmBuild, nil},
		{afterWeekly, func() error {
			_, err := a.run(ctx, a.dindctl, "prune-now", "-n", a.namespace)
			return err
		}},
		{afterGuides, func() error {
			_, err := a.buildJob(ctx, buildPod{image: samples.image, script: "docker system prune -af"})
			return err
		}},
	} {
		if step.before != nil {
			if err := step.before(); err != nil {
				return err
			}
		}
		built, err := a.buildJob(ctx, job)
		if err == nil {
			err = samples.add(step.way, built)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", step.way, err)
		}
	}
	for _, n := range size.atOnce {
		job.builds = n
		built, err := a.buildJob(ctx, job)
		if err != nil {
			return fmt.Errorf("%d builds at once: %w", n, err)
		}
		samples.atOnce[n] = append(samples.atOnce[n], built)
	}
	return nil
}

// add notes a single build, which has to succeed.
func (b *buildSamples) add(way string, built burst) error {
	if built.failed > 0 {
		return errors.New("the build failed, see the log above")
	}
	b.ways[way] = append(b.ways[way], built.seconds)
	return nil
}
