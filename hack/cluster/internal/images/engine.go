package images

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dindctl/dindctl/hack/cluster/internal/build"
	"github.com/dindctl/dindctl/hack/cluster/internal/versions"
)

// enginePrograms are the current engine and its client, and where they go. runc without seccomp fails every RUN
// step, and linked statically it does not care for the image's C library.
func enginePrograms(checkout string) map[string]build.Binary {
	client := filepath.Join(checkout, "hack", "cluster", "client")
	const version = "github.com/moby/moby/v2/dockerversion.Version=" + versions.Engine
	const containerd = "github.com/containerd/containerd/v2/version.Version=" + versions.EngineContainerd
	return map[string]build.Binary{
		"usr/local/bin/dockerd":                 {Name: "dockerd", Version: versions.Engine, Module: versions.Moby, Package: "github.com/moby/moby/v2/cmd/dockerd", Ldflags: "-s -w -X " + version},
		"usr/local/bin/docker-proxy":            {Name: "docker-proxy", Version: versions.Engine, Module: versions.Moby, Package: "github.com/moby/moby/v2/cmd/docker-proxy", Ldflags: "-s -w -X " + version},
		"usr/local/bin/containerd":              {Name: "containerd", Version: versions.EngineContainerd, Package: "github.com/containerd/containerd/v2/cmd/containerd", Ldflags: "-s -w -X " + containerd},
		"usr/local/bin/containerd-shim-runc-v2": {Name: "containerd-shim-runc-v2", Version: versions.EngineContainerd, Package: "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2", Ldflags: "-s -w -X " + containerd},
		"usr/local/bin/runc": {Name: "runc", Version: versions.EngineRunc, Package: "github.com/opencontainers/runc", CGO: true, Tags: "seccomp netgo osusergo",
			Ldflags: "-s -w -extldflags -static -X main.version=" + strings.TrimPrefix(versions.EngineRunc, "v")},
		"usr/local/bin/docker": {Name: "docker", Version: versions.Engine, Package: "github.com/docker/cli/cmd/docker", Source: client,
			Ldflags: "-s -w -X github.com/docker/cli/cli/version.Version=" + versions.Engine},
		"usr/local/libexec/docker/cli-plugins/docker-buildx": {Name: "docker-buildx", Version: versions.EngineBuildx, Package: "github.com/docker/buildx/cmd/buildx", Source: client,
			Ldflags: "-s -w -X github.com/docker/buildx/version.Version=" + versions.EngineBuildx},
	}
}

func (b *Builder) engineLayer(ctx context.Context) (Descriptor, error) {
	programs := enginePrograms(b.Checkout)
	targets := slices.Sorted(maps.Keys(programs))
	built := map[string]string{}
	var influences []string
	for _, target := range targets {
		program := programs[target]
		path, err := program.Make(ctx, b.Paths.Bin, b.Paths.Log("build-"+program.Name), b.Say)
		if err != nil {
			return Descriptor{}, err
		}
		built[target] = path
		influences = append(influences, target, filepath.Base(path))
	}
	return first(b.layers(recipeName("engine", versions.Engine, influences...), func(workshop string) ([]string, error) {
		path := filepath.Join(workshop, "layer")
		layer := newTarball(path)
		for _, target := range targets {
			layer.add(target, built[target], 0o755)
		}
		return []string{path}, layer.close()
	}))
}
