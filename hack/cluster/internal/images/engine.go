package images

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/dindctl/dindctl/hack/cluster/internal/build"
	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
	"github.com/dindctl/dindctl/hack/cluster/internal/versions"
)

// enginePrograms returns the programs of the daemon. runc without seccomp fails
// each RUN step; linked statically it does not depend on the C library of the
// image. The daemon does not use containerd's interface for kubelet, these
// snapshotters, or the containerd inside dockerd: without them, less is compiled.
func enginePrograms() []program {
	const docker = "-s -w -X github.com/moby/moby/v2/dockerversion.Version=" + versions.Engine
	const containerd = "-s -w -X github.com/containerd/containerd/v2/version.Version=" + versions.EngineContainerd
	return []program{
		{"usr/local/bin/runc", build.Binary{Name: "runc", Title: "runc, which starts containers,", Usually: 30 * time.Second,
			Version: versions.EngineRunc, Package: "github.com/opencontainers/runc", CGO: true, Tags: "seccomp netgo osusergo",
			Ldflags: "-s -w -extldflags -static -X main.version=" + strings.TrimPrefix(versions.EngineRunc, "v")}},
		{"usr/local/bin/dockerd", build.Binary{Name: "dockerd", Title: "dockerd, the Docker daemon,", Usually: 6 * time.Minute,
			Version: versions.Engine, Module: versions.Moby, Package: "github.com/moby/moby/v2/cmd/dockerd", Tags: "no_embedded_containerd", Ldflags: docker}},
		{"usr/local/bin/docker-proxy", build.Binary{Name: "docker-proxy", Title: "docker-proxy, which publishes ports,", Usually: 5 * time.Second,
			Version: versions.Engine, Module: versions.Moby, Package: "github.com/moby/moby/v2/cmd/docker-proxy", Ldflags: docker}},
		{"usr/local/bin/containerd", build.Binary{Name: "containerd", Title: "containerd, which runs the daemon's containers,", Usually: 60 * time.Second,
			Version: versions.EngineContainerd, Package: "github.com/containerd/containerd/v2/cmd/containerd",
			Tags: "no_cri no_btrfs no_devmapper no_zfs", Ldflags: containerd}},
		{"usr/local/bin/containerd-shim-runc-v2", build.Binary{Name: "containerd-shim-runc-v2", Title: "containerd's shim", Usually: 15 * time.Second,
			Version: versions.EngineContainerd, Package: "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2", Ldflags: containerd}},
	}
}

// clientPrograms returns the programs of the client. They are in one module with
// the cluster's programs, and share compiled packages with them.
func clientPrograms(checkout string) []program {
	source, parts := filepath.Join(checkout, "hack", "cluster", "programs"), []string{"go.mod", "go.sum"}
	return []program{
		{"usr/local/bin/docker", build.Binary{Name: "docker", Title: "docker, the client,", Usually: 20 * time.Second,
			Version: versions.Engine, Package: "github.com/docker/cli/cmd/docker", Source: source, Parts: parts,
			Ldflags: "-s -w -X github.com/docker/cli/cli/version.Version=" + versions.Engine}},
		{"usr/local/libexec/docker/cli-plugins/docker-buildx", build.Binary{Name: "docker-buildx", Title: "docker-buildx, the client's builder,", Usually: 90 * time.Second,
			Version: versions.EngineBuildx, Package: "github.com/docker/buildx/cmd/buildx", Source: source, Parts: parts,
			Ldflags: "-s -w -X github.com/docker/buildx/version.Version=" + versions.EngineBuildx}},
	}
}

// CompileEngine compiles the programs of the current engine that are missing.
func (b *Builder) CompileEngine(ctx context.Context) error { return b.compile(ctx, enginePrograms()) }

// CompileClient compiles the programs of its client that are missing.
func (b *Builder) CompileClient(ctx context.Context) error {
	return b.compile(ctx, clientPrograms(b.Checkout))
}

// LinkClient makes a directory with this machine's docker, and its plugin in cli-plugins,
// where docker looks for it. CompileClient has compiled both.
func (b *Builder) LinkClient(directory string) error {
	for _, program := range clientPrograms(b.Checkout) {
		built, err := program.Path(b.Paths.Bin)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(strings.TrimPrefix(program.target, "usr/local/bin/"), "usr/local/libexec/docker/")
		if err := paths.Link(built, filepath.Join(directory, name)); err != nil {
			return err
		}
	}
	return nil
}

func (b *Builder) engineLayer(ctx context.Context) (Descriptor, error) {
	programs := append(enginePrograms(), clientPrograms(b.Checkout)...)
	recipe, err := b.programsRecipe("engine", versions.Engine, programs)
	if err != nil {
		return Descriptor{}, err
	}
	return b.programsLayer(ctx, recipe, "write the layer of Docker Engine "+versions.Engine, programs)
}
