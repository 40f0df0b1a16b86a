package images

import (
	"context"
	"path/filepath"
	"time"

	"github.com/dindctl/dindctl/hack/cluster/internal/build"
	"github.com/dindctl/dindctl/hack/cluster/internal/imageset"
	"github.com/dindctl/dindctl/hack/cluster/internal/versions"
)

// buildkitPrograms returns the programs of a builder that `docker buildx create`
// starts in a container. It runs steps with the engine's runc, not with containerd.
func buildkitPrograms(checkout string) []program {
	const ldflags = "-s -w -X github.com/moby/buildkit/version.Version=" + versions.Buildkit
	source, parts := clientsModule(checkout), []string{"go.mod", "go.sum"}
	runc := enginePrograms()[0]
	runc.target = "usr/bin/buildkit-runc"
	return []program{
		runc,
		{"usr/bin/buildkitd", build.Binary{Name: "buildkitd", Title: "buildkitd, a builder in a container,", Usually: 2 * time.Minute,
			Version: versions.Buildkit, Package: "github.com/moby/buildkit/cmd/buildkitd", Source: source, Parts: parts,
			Tags: "no_containerd_worker", Ldflags: ldflags}},
		{"usr/bin/buildctl", build.Binary{Name: "buildctl", Title: "buildctl, its client,", Usually: 10 * time.Second,
			Version: versions.Buildkit, Package: "github.com/moby/buildkit/cmd/buildctl", Source: source, Parts: parts, Ldflags: ldflags}},
	}
}

// clientsModule returns the directory of the module that pins the clients.
func clientsModule(checkout string) string {
	return filepath.Join(checkout, "hack", "cluster", "clients")
}

// buildkit builds the image that buildx takes for a builder in a container. Like
// the official one it is an Alpine with git, ssh and iptables.
func (b *Builder) buildkit(ctx context.Context) ([]imageset.Image, error) {
	programs := buildkitPrograms(b.Checkout)
	recipe, err := b.programsRecipe("buildkit", versions.Buildkit, programs)
	if err != nil || !b.wants(recipe) {
		return nil, err
	}
	root, err := b.alpineRoot(ctx)
	if err != nil {
		return nil, err
	}
	layer, err := b.programsLayer(ctx, recipe, "write the layer of BuildKit "+versions.Buildkit, programs)
	if err != nil {
		return nil, err
	}
	image, err := b.image([]string{versions.BuildkitImage}, config{
		Entrypoint: []string{"buildkitd"},
		Env: []string{
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			"BUILDKIT_SETUP_CGROUPV2_ROOT=1",
		},
		Volumes: map[string]struct{}{"/var/lib/buildkit": {}},
	}, root, layer)
	return []imageset.Image{image}, err
}
