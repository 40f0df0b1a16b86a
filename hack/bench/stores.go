package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"slices"
)

// imageStore is one of the two image stores that engines since 29 have.
type imageStore struct {
	name    string
	options []string // of install
}

var imageStores = []imageStore{
	{"the containerd image store", nil},
	{"--storage-driver overlay2", []string{"--storage-driver", "overlay2"}},
}

// pushAll is measured in addition to the first build and later builds.
const pushAll = "push of the image"

// pushScript is a job's script. Its first comment describes its input and output.
//
//go:embed push.sh
var pushScript string

// stores measures the image stores of the newest engine in turns, each time in a new
// namespace.
func (s setting) stores(ctx context.Context) (*buildFigures, error) {
	size := sizeFor(s.runs)
	size.parallel = []int{4}
	var all []*buildSamples
	for _, store := range imageStores {
		all = append(all, &buildSamples{image: store.name, ways: map[string][]float64{}, parallel: map[int][]burst{}})
	}
	for turn := range s.runs {
		order := []int{0, 1}
		if turn%2 == 1 {
			slices.Reverse(order)
		}
		for _, n := range order {
			fmt.Fprintf(os.Stderr, "bench: %s, round %d of %d\n", imageStores[n].name, turn+1, s.runs)
			err := s.inNamespace(ctx, func(a arena) error { return a.store(ctx, imageStores[n], all[n], size) })
			if err != nil {
				return nil, fmt.Errorf("%s: %w", imageStores[n].name, err)
			}
		}
	}
	return newBuildFigures(all, size), nil
}

// store builds in one store, and weighs what that adds to the volume.
func (a arena) store(ctx context.Context, store imageStore, samples *buildSamples, size buildSize) error {
	image := engines()[len(engines())-1]
	if err := a.install(ctx, image, store.options...); err != nil {
		return err
	}
	before, err := a.dataBytes(ctx, daemon)
	if err != nil {
		return err
	}
	job := buildPod{image: image, megabytes: size.megabytes, builds: 1}
	steps := []buildStep{{way: firstBuild, job: job}, {way: warmBuild, job: job}}
	if a.registry != "" {
		steps = append(steps, buildStep{way: pushAll, job: buildPod{image: image, script: pushScript, registry: a.registry}})
	}
	if err := a.buildSteps(ctx, samples, steps[:1]); err != nil {
		return err
	}
	after, err := a.dataBytes(ctx, daemon)
	if err != nil {
		return err
	}
	samples.bytes = append(samples.bytes, after-before)
	if err := a.buildSteps(ctx, samples, steps[1:]); err != nil {
		return err
	}
	return a.buildParallel(ctx, samples, job, size.parallel)
}
