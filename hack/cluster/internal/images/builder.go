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
	"github.com/dindctl/dindctl/hack/cluster/internal/versions"
)

// Builder makes all images, one after another: the machines this runs on have
// few cores, and others may be at work on them.
type Builder struct {
	Paths    paths.Paths
	Checkout string
	Say      func(string, ...any)

	recipes []string
	digests map[string]bool
}

// Build makes what is missing and records the complete set.
func (b *Builder) Build(ctx context.Context) error {
	directory := b.Paths.Images
	if err := os.MkdirAll(filepath.Join(directory, "blobs", "sha256"), 0o755); err != nil {
		return err
	}
	b.digests = map[string]bool{}
	var all []imageset.Image
	for _, build := range []func(context.Context) ([]imageset.Image, error){b.pause, b.busybox, b.dind} {
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

// Collect removes what the images just built do not use. It comes after the
// registry serves them: a running one may still hand out their predecessors.
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

// dind makes both engines' images from one root file system, which therefore
// is stored, pulled and unpacked once.
func (b *Builder) dind(ctx context.Context) ([]imageset.Image, error) {
	root, debianEngine, err := b.debianLayers(ctx)
	if err != nil {
		return nil, err
	}
	engine, err := b.engineLayer(ctx)
	if err != nil {
		return nil, err
	}
	scripts, err := b.scriptsLayer()
	if err != nil {
		return nil, err
	}
	current, err := b.image([]string{versions.DindImage}, dindConfig(versions.Engine), root, engine, scripts)
	if err != nil {
		return nil, err
	}
	debian, err := b.image([]string{versions.DebianDindImage}, dindConfig(versions.DebianEngine), root, debianEngine, scripts)
	return []imageset.Image{current, debian}, err
}

// dindConfig is the official image's contract.
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

// image writes configuration and manifest. Both depend on the layers alone,
// so an unchanged image keeps its digest.
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

// layers runs a recipe unless it was run before. It writes its layers, as
// many as it makes, as files into a directory of its own.
func (b *Builder) layers(recipe string, make func(workshop string) ([]string, error)) ([]Descriptor, error) {
	b.recipes = append(b.recipes, recipe)
	if layers, ok := remembered(b.Paths.Images, recipe); ok {
		return layers, nil
	}
	workshop, err := os.MkdirTemp(b.Paths.Images, ".building-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(workshop)
	b.Say("building image layer %s", recipe)
	files, err := make(workshop)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", recipe, err)
	}
	var layers []Descriptor
	for _, file := range files {
		layer, err := addFile(b.Paths.Images, file, layerType)
		if err != nil {
			return nil, err
		}
		layers = append(layers, layer)
	}
	if len(layers) == 0 {
		return nil, errors.New(recipe + " made no layer")
	}
	return layers, remember(b.Paths.Images, recipe, layers)
}
