package images

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/dindctl/dindctl/hack/cluster/internal/imageset"
	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
	"github.com/dindctl/dindctl/hack/cluster/internal/steps"
	"github.com/dindctl/dindctl/hack/cluster/internal/versions"
)

// Set names the images that a cluster is used with.
type Set string

const (
	Demo Set = "demo" // the current engine only
	All  Set = "all"  // both engines, and what the tests need besides
)

// ParseSet returns the set with that name.
func ParseSet(name string) (Set, error) {
	switch set := Set(name); set {
	case Demo, All:
		return set, nil
	}
	return "", fmt.Errorf("no set of images %q: there are %s and %s", name, Demo, All)
}

// Builder builds images, one after another.
type Builder struct {
	Paths    paths.Paths
	Checkout string
	Board    *steps.Board
	Set      Set

	recipes []string
	digests map[string]bool
}

// FromPackages builds the layers of the set that come from packages, but for
// Debian's engine.
func (b *Builder) FromPackages(ctx context.Context) error {
	layers := []func(context.Context) (Descriptor, error){b.alpineRoot, b.busyboxLayer}
	if b.wants(debianEngineRecipe()) {
		layers = append(layers, b.debianRoot)
	}
	if b.Set == All {
		layers = append(layers, b.oldClientLayer, b.npmLayer)
	}
	for _, layer := range layers {
		if _, err := layer(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Build builds the images of the set that are missing and records which images
// there are. An image that was built for another set is kept.
func (b *Builder) Build(ctx context.Context) error {
	directory := b.Paths.Images
	b.digests = map[string]bool{}
	var all []imageset.Image
	for _, build := range []func(context.Context) ([]imageset.Image, error){b.pause, b.busybox, b.dind, b.buildkit, b.clients} {
		built, err := build(ctx)
		if err != nil {
			return fmt.Errorf("building images: %w", err)
		}
		all = append(all, built...)
	}
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return paths.WriteFile(imageset.File(directory), data, 0o644)
}

// Collect removes what the recorded images do not use. It is called once the
// registry serves them: before, it may still serve their predecessors.
func (b *Builder) Collect() error {
	return collect(b.Paths.Images, b.recipes, b.digests)
}

func (b *Builder) pause(ctx context.Context) ([]imageset.Image, error) {
	layer, err := b.pauseLayer(ctx)
	if err != nil {
		return nil, err
	}
	image, err := b.image([]string{versions.PauseImage}, config{Entrypoint: []string{"/pause"}, User: "65534"}, layer)
	return []imageset.Image{image}, err
}

func (b *Builder) busybox(ctx context.Context) ([]imageset.Image, error) {
	layer, err := b.busyboxLayer(ctx)
	if err != nil {
		return nil, err
	}
	image, err := b.image([]string{versions.BusyboxImage, "busybox:latest"}, config{
		Cmd: []string{"sh"},
		Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
	}, layer)
	return []imageset.Image{image}, err
}

// dind builds the images of the engines: the current one's is like Alpine, as the
// official image is, and the other is Debian.
func (b *Builder) dind(ctx context.Context) ([]imageset.Image, error) {
	root, err := b.alpineRoot(ctx)
	if err != nil {
		return nil, err
	}
	engine, err := b.engineLayer(ctx)
	if err != nil {
		return nil, err
	}
	scripts, err := b.scriptsLayer(ctx)
	if err != nil {
		return nil, err
	}
	current, err := b.image([]string{versions.DindImage, "docker:29"}, dindConfig(versions.Engine), root, engine, scripts)
	if err != nil {
		return nil, err
	}
	if !b.wants(debianEngineRecipe()) {
		return []imageset.Image{current}, nil
	}
	if root, err = b.debianRoot(ctx); err != nil {
		return nil, err
	}
	debianEngine, err := b.debianEngineLayer(ctx)
	if err != nil {
		return nil, err
	}
	debian, err := b.image([]string{versions.DebianDindImage}, dindConfig(versions.DebianEngine), root, debianEngine, scripts)
	return []imageset.Image{current, debian}, err
}

// wants reports whether an image that is not for the demo is in the set, or costs
// nothing because the layer of its recipe was built for another set.
func (b *Builder) wants(recipe string) bool {
	_, built := remembered(b.Paths.Images, recipe)
	return built || b.Set == All
}

// dindConfig returns what the official image promises.
func dindConfig(version string) config {
	return config{
		Env: []string{
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			"DOCKER_VERSION=" + version,
			"DOCKER_TLS_CERTDIR=/certs",
		},
		Entrypoint:   []string{"dockerd-entrypoint.sh"},
		Cmd:          []string{},
		Volumes:      map[string]struct{}{"/var/lib/docker": {}},
		ExposedPorts: map[string]struct{}{"2375/tcp": {}, "2376/tcp": {}},
	}
}

// config is the part of the OCI image configuration that is used here.
type config struct {
	User         string              `json:",omitempty"`
	Env          []string            `json:",omitempty"`
	Entrypoint   []string            `json:",omitempty"`
	Cmd          []string            `json:",omitempty"`
	Volumes      map[string]struct{} `json:",omitempty"`
	ExposedPorts map[string]struct{} `json:",omitempty"`
}

// image writes configuration and manifest. Both depend on the layers only, so
// an unchanged image keeps its digest.
func (b *Builder) image(references []string, run config, layers ...Descriptor) (imageset.Image, error) {
	type object = map[string]any
	diffIDs, history := []string{}, []object{}
	created := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	for _, layer := range layers {
		diffIDs = append(diffIDs, layer.Digest)
		history = append(history, object{"created": created, "created_by": "dindctl hack/cluster"})
		b.digests[layer.Digest] = true
	}
	settings, err := addJSON(b.Paths.Images, configType, object{
		"architecture": runtime.GOARCH, "os": "linux", "created": created,
		"config": run, "history": history,
		"rootfs": object{"type": "layers", "diff_ids": diffIDs},
	})
	if err != nil {
		return imageset.Image{}, err
	}
	manifest, err := addJSON(b.Paths.Images, imageset.ManifestType, object{
		"schemaVersion": 2, "mediaType": imageset.ManifestType, "config": settings, "layers": layers,
	})
	if err != nil {
		return imageset.Image{}, err
	}
	b.digests[settings.Digest], b.digests[manifest.Digest] = true, true
	return imageset.Image{References: references, Manifest: manifest.Digest}, nil
}

// layer runs a recipe, as a step, unless the layer that it makes is there. The
// recipe writes to the layer, and may keep files in the workshop until it ends.
func (b *Builder) layer(recipe, title string, usually time.Duration, write func(layer *tarball, workshop string, detail func(string)) error) (Descriptor, error) {
	b.recipes = append(b.recipes, recipe)
	if layer, ok := remembered(b.Paths.Images, recipe); ok {
		return layer, nil
	}
	if err := os.MkdirAll(filepath.Join(b.Paths.Images, "blobs", "sha256"), 0o755); err != nil {
		return Descriptor{}, err
	}
	workshop, err := os.MkdirTemp(b.Paths.Images, ".building-")
	if err != nil {
		return Descriptor{}, err
	}
	defer os.RemoveAll(workshop)
	var layer Descriptor
	err = b.Board.Step(title, usually, func(detail func(string)) error {
		path := filepath.Join(workshop, "layer")
		file := newTarball(path)
		if err := errors.Join(write(file, workshop, detail), file.close()); err != nil {
			return err
		}
		layer, err = addFile(b.Paths.Images, path, layerType)
		return err
	})
	if err != nil {
		return Descriptor{}, fmt.Errorf("%s: %w", recipe, err)
	}
	return layer, remember(b.Paths.Images, recipe, layer)
}
