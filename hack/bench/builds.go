package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// The measured ways to build an image. The first follows GitLab's guide, the others
// use dindctl's daemon, in this order.
const (
	perJob           = "a new daemon for each job, as in GitLab's guide"
	firstBuild       = "dindctl, the first build"
	warmBuild        = "dindctl, later builds"
	afterPrune       = "dindctl, after the weekly prune"
	afterSystemPrune = "dindctl, after docker system prune -af"
)

// buildSize has the megabytes of dependencies and the numbers of parallel builds.
type buildSize struct {
	megabytes int
	parallel  []int
}

// sizeFor returns a smaller size if there are too few runs for the goals.
func sizeFor(runs int) buildSize {
	if runs < enoughRuns {
		return buildSize{megabytes: 20, parallel: []int{1, 4}}
	}
	return buildSize{megabytes: 200, parallel: []int{1, 2, 4, 8, 16}}
}

// buildSamples are the measurements of one engine, or of one of its image stores.
type buildSamples struct {
	image    string
	ways     map[string][]float64
	parallel map[int][]burst // by the number of builds
	bytes    []int64         // that the first build added to the volume
}

// burst is the measurement of parallel builds.
type burst struct {
	seconds float64
	failed  int
}

// engines returns the images of the daemon to measure, which e2e tests use too.
func engines() []string {
	if images := os.Getenv("DINDCTL_E2E_IMAGES"); images != "" {
		return strings.Split(images, ",")
	}
	return []string{"docker:26.1.5-dind", "docker:29.7.2-dind"}
}

// builds measures the engines in turns, each time in a new namespace.
func (s setting) builds(ctx context.Context) (*buildFigures, error) {
	size := sizeFor(s.runs)
	all := make([]*buildSamples, 0, 2)
	for _, image := range engines() {
		all = append(all, &buildSamples{image: image, ways: map[string][]float64{}, parallel: map[int][]burst{}})
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

// buildRound measures each way once. The daemon for each job comes first in one round
// and last in the next, so that the machine's caches help all ways equally.
func (s setting) buildRound(ctx context.Context, samples *buildSamples, size buildSize, turn int) error {
	return s.inNamespace(ctx, func(a arena) error {
		ways := []func(context.Context, *buildSamples, buildSize) error{a.buildPerJob, a.buildShared}
		if turn%2 == 1 {
			slices.Reverse(ways)
		}
		for _, way := range ways {
			if err := way(ctx, samples, size); err != nil {
				return err
			}
		}
		return nil
	})
}

// buildPerJob builds with a daemon that ends with the job.
func (a arena) buildPerJob(ctx context.Context, samples *buildSamples, size buildSize) error {
	built, err := a.buildJob(ctx, buildPod{image: samples.image, daemon: true, registry: a.registry, megabytes: size.megabytes, builds: 1})
	if err != nil {
		return err
	}
	return samples.add(perJob, built)
}

// buildShared builds with the daemon that dindctl installs: the first time and again,
// after the weekly prune, after docker system prune -af, and in parallel.
func (a arena) buildShared(ctx context.Context, samples *buildSamples, size buildSize) error {
	if err := a.install(ctx, samples.image); err != nil {
		return err
	}
	job := buildPod{image: samples.image, megabytes: size.megabytes, builds: 1}
	err := a.buildSteps(ctx, samples, []buildStep{
		{way: firstBuild, job: job},
		{way: warmBuild, job: job},
		{way: afterPrune, job: job, before: func() error {
			_, err := a.run(ctx, a.dindctl, "prune-now", "-n", a.namespace)
			return err
		}},
		{way: afterSystemPrune, job: job, before: func() error {
			_, err := a.runJob(ctx, buildPod{image: samples.image, script: "docker system prune -af"})
			return err
		}},
	})
	if err != nil {
		return err
	}
	return a.buildParallel(ctx, samples, job, size.parallel)
}

// install installs a daemon for builds.
func (a arena) install(ctx context.Context, image string, options ...string) error {
	options = append([]string{"install", "-n", a.namespace, "--image", image, "--storage-size", "10Gi"}, options...)
	if a.registry != "" {
		options = append(options, "--registry-mirror", "http://"+a.registry)
	}
	_, err := a.run(ctx, a.dindctl, options...)
	return err
}

// buildStep is a job that is measured, and what is done before it.
type buildStep struct {
	way    string
	job    buildPod
	before func() error
}

func (a arena) buildSteps(ctx context.Context, samples *buildSamples, steps []buildStep) error {
	for _, step := range steps {
		if step.before != nil {
			if err := step.before(); err != nil {
				return err
			}
		}
		built, err := a.buildJob(ctx, step.job)
		if err == nil {
			err = samples.add(step.way, built)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", step.way, err)
		}
	}
	return nil
}

func (a arena) buildParallel(ctx context.Context, samples *buildSamples, job buildPod, numbers []int) error {
	for _, n := range numbers {
		job.builds = n
		built, err := a.buildJob(ctx, job)
		if err != nil {
			return fmt.Errorf("%d parallel builds: %w", n, err)
		}
		samples.parallel[n] = append(samples.parallel[n], built)
	}
	return nil
}

// add records a single build, which must succeed.
func (b *buildSamples) add(way string, built burst) error {
	if built.failed > 0 {
		return errors.New("the build failed, see the log above")
	}
	b.ways[way] = append(b.ways[way], built.seconds)
	return nil
}
