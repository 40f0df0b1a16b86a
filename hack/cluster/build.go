package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/dindctl/dindctl/hack/cluster/internal/build"
	"github.com/dindctl/dindctl/hack/cluster/internal/control"
	"github.com/dindctl/dindctl/hack/cluster/internal/host"
	"github.com/dindctl/dindctl/hack/cluster/internal/images"
	"github.com/dindctl/dindctl/hack/cluster/internal/imageset"
	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
	"github.com/dindctl/dindctl/hack/cluster/internal/versions"
)

// What a first build leaves in the caches, Go's own included, and what a
// cluster needs to live.
const (
	buildSpace = 6_000_000_000
	runSpace   = 1_000_000_000
)

// build makes every program and image that is missing.
func (l *launcher) build(ctx context.Context) (control.Programs, *images.Builder, error) {
	checkout, err := paths.Checkout()
	if err != nil {
		return control.Programs{}, nil, err
	}
	space := uint64(runSpace)
	if _, err := imageset.Current(l.paths.Images); err != nil {
		space = buildSpace
	}
	if err := host.Demands(l.paths.Cache, space); err != nil {
		return control.Programs{}, nil, err
	}
	if err := host.Install(ctx, l.paths.Log("apt"), l.say); err != nil {
		return control.Programs{}, nil, err
	}
	if err := build.Sweep(l.paths.Bin); err != nil {
		return control.Programs{}, nil, err
	}
	programs, err := l.programs(ctx, filepath.Join(checkout, "hack", "cluster"))
	if err != nil {
		return control.Programs{}, nil, err
	}
	builder := &images.Builder{Paths: l.paths, Checkout: checkout, Say: l.say}
	return programs, builder, builder.Build(ctx)
}

func (l *launcher) programs(ctx context.Context, source string) (control.Programs, error) {
	semver := strings.SplitN(strings.TrimPrefix(versions.Kubernetes, "v"), ".", 3)
	const version = "k8s.io/component-base/version."
	var made control.Programs
	for _, program := range []struct {
		path   *string
		binary build.Binary
	}{
		{&made.Kube, build.Binary{
			Name: "kube", Version: versions.Kubernetes, Package: ".", Source: filepath.Join(source, "kube"),
			// Clients can't parse the version a plain build reports.
			Ldflags: fmt.Sprintf("-s -w -X %sgitVersion=%s -X %sgitMajor=%s -X %sgitMinor=%s",
				version, versions.Kubernetes, version, semver[0], version, semver[1]),
		}},
		{&made.CoreDNS, build.Binary{
			Name: "coredns", Version: versions.CoreDNS, Package: ".", Source: filepath.Join(source, "dns"), Ldflags: "-s -w",
		}},
		{&made.Registry, build.Binary{
			Name: "registry", Version: versions.Registry, Package: "./registry", Source: source, Ldflags: "-s -w",
			// The launcher changes more often, and is no reason to restart it.
			Parts: []string{"registry", "internal/imageset", "go.mod", "go.sum"},
		}},
	} {
		path, err := program.binary.Make(ctx, l.paths.Bin, l.paths.Log("build-"+program.binary.Name), l.say)
		if err != nil {
			return control.Programs{}, err
		}
		*program.path = path
	}
	return made, nil
}

// links gives the multi-call binary its components' names.
func (l *launcher) links(kube string) error {
	directory := l.paths.In("links")
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"} {
		link := filepath.Join(directory, name)
		if target, err := os.Readlink(link); err == nil && target == kube {
			continue
		}
		if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := os.Symlink(kube, link); err != nil {
			return fmt.Errorf("naming the components: %w", err)
		}
	}
	return nil
}
