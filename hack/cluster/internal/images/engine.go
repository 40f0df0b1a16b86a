package images

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/dindctl/dindctl/hack/cluster/internal/build"
	"github.com/dindctl/dindctl/hack/cluster/internal/versions"
)

// enginePrograms are the current engine. runc without seccomp fails every RUN
// step, and linked statically it does not care for the image's C library.
func enginePrograms() []build.Binary {
	const version = "github.com/moby/moby/v2/dockerversion.Version=" + versions.Engine
	const containerd = "github.com/containerd/containerd/v2/version.Version=" + versions.EngineContainerd
	return []build.Binary{
		{Name: "dockerd", Version: versions.Engine, Module: versions.Moby, Package: "github.com/moby/moby/v2/cmd/dockerd", Ldflags: "-s -w -X " + version},
		{Name: "docker-proxy", Version: versions.Engine, Module: versions.Moby, Package: "github.com/moby/moby/v2/cmd/docker-proxy", Ldflags: "-s -w -X " + version},
		{Name: "containerd", Version: versions.EngineContainerd, Package: "github.com/containerd/containerd/v2/cmd/containerd", Ldflags: "-s -w -X " + containerd},
		{Name: "containerd-shim-runc-v2", Version: versions.EngineContainerd, Package: "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2", Ldflags: "-s -w -X " + containerd},
		{Name: "runc", Version: versions.EngineRunc, Package: "github.com/opencontainers/runc", CGO: true, Tags: "seccomp netgo osusergo",
			Ldflags: "-s -w -extldflags -static -X main.version=" + strings.TrimPrefix(versions.EngineRunc, "v")},
	}
}

func (b *Builder) engineLayer(ctx context.Context) (Descriptor, error) {
	built := map[string]string{}
	var influences []string
	for _, program := range enginePrograms() {
		path, err := program.Make(ctx, b.Paths.Bin, b.Paths.Log("build-"+program.Name), b.Say)
		if err != nil {
			return Descriptor{}, err
		}
		built[program.Name] = path
		influences = append(influences, filepath.Base(path))
	}
	return first(b.layers(recipeName("engine", versions.Engine, influences...), func(workshop string) ([]string, error) {
		path := filepath.Join(workshop, "layer")
		layer := newTarball(path)
		for _, program := range enginePrograms() {
			layer.add("usr/local/bin/"+program.Name, built[program.Name], 0o755)
		}
		return []string{path}, layer.close()
	}))
}
