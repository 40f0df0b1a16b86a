package images

import (
	"context"
	"fmt"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/dindctl/dindctl/hack/cluster/internal/build"
	"github.com/dindctl/dindctl/hack/cluster/internal/imageset"
	"github.com/dindctl/dindctl/hack/cluster/internal/versions"
)

// toolPrograms returns the clients that are compiled: the engine's own, and those
// that Docker's client finds as its plugins.
func toolPrograms(checkout string) []program {
	source, parts := clientsModule(checkout), []string{"go.mod", "go.sum"}
	return append(clientPrograms(checkout),
		program{"usr/local/libexec/docker/cli-plugins/docker-compose", build.Binary{Name: "docker-compose", Title: "docker-compose", Usually: 30 * time.Second,
			Version: versions.Compose, Package: "github.com/docker/compose/v5/cmd", Source: source, Parts: parts,
			Ldflags: "-s -w -X github.com/docker/compose/v5/internal.Version=" + versions.Compose}},
		program{"usr/local/bin/testcontainers", build.Binary{Name: "testcontainers", Title: "a program with testcontainers-go", Usually: 20 * time.Second,
			Version: versions.Testcontainers, Package: "./testcontainers", Source: source, Parts: append(parts, "testcontainers"), Ldflags: "-s -w"}},
	)
}

// CompileTools compiles what the tests need besides the engines.
func (b *Builder) CompileTools(ctx context.Context) error {
	if b.Set != All {
		return nil
	}
	return b.compile(ctx, append(buildkitPrograms(b.Checkout), toolPrograms(b.Checkout)...))
}

// clients builds the image of jobs with other clients than those of the engine's
// image. The older docker is /usr/bin/docker.
func (b *Builder) clients(ctx context.Context) ([]imageset.Image, error) {
	programs := toolPrograms(b.Checkout)
	recipe, err := b.programsRecipe("clients", versions.Engine, programs)
	if err != nil || !b.wants(recipe) {
		return nil, err
	}
	var layers []Descriptor
	for _, layer := range []func(context.Context) (Descriptor, error){b.debianRoot, b.oldClientLayer, b.npmLayer, func(ctx context.Context) (Descriptor, error) {
		return b.programsLayer(ctx, recipe, "write the layer of the clients", programs)
	}} {
		built, err := layer(ctx)
		if err != nil {
			return nil, err
		}
		layers = append(layers, built)
	}
	image, err := b.image([]string{versions.ClientsImage}, config{
		Cmd: []string{"bash"},
		Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
	}, layers...)
	return []imageset.Image{image}, err
}

// oldClientLayer takes Debian's older docker from its package, and what
// gitlab-ci-local and node need.
func (b *Builder) oldClientLayer(ctx context.Context) (Descriptor, error) {
	packages := []string{"docker.io", "rsync", "libstdc++6"}
	files := []string{"usr/bin/docker", "usr/bin/rsync", "usr/lib/*/libstdc++.so.6*", "usr/lib/*/libpopt.so.0*", "usr/lib/*/libxxhash.so.0*", "usr/lib/*/liblz4.so.1*"}
	recipe := recipeName("old-client", versions.DebianOldClient, slices.Concat([]string{versions.DebianOldSuite, runtime.GOARCH}, packages, files)...)
	return b.layer(recipe, "get Debian's Docker client "+versions.DebianOldClient, 45*time.Second, func(layer *tarball, workshop string, detail func(string)) error {
		archive := filepath.Join(workshop, "archive.tar")
		err := b.mmdebstrap(ctx, "old-client", detail, versions.DebianOldSuite, archive, "--variant=extract", "--include="+strings.Join(packages, ","))
		if err != nil {
			return err
		}
		return filter(archive, layer, func(name string) bool {
			return slices.ContainsFunc(files, func(pattern string) bool { matches, _ := path.Match(pattern, name); return matches })
		})
	})
}

// npmLayer takes gitlab-ci-local, and the node that runs it, from the npm registry.
func (b *Builder) npmLayer(ctx context.Context) (Descriptor, error) {
	node := "node-linux-" + strings.Replace(runtime.GOARCH, "amd64", "x64", 1)
	packages := []string{node + "@" + versions.Node, "gitlab-ci-local@" + versions.GitLabCILocal}
	return b.layer(recipeName("npm", versions.GitLabCILocal, packages...), "get gitlab-ci-local from the npm registry", 10*time.Second, func(layer *tarball, workshop string, detail func(string)) error {
		arguments := append([]string{"install", "--prefix", workshop, "--ignore-scripts", "--no-audit", "--no-fund", "--no-save"}, packages...)
		if err := build.Run(exec.CommandContext(ctx, "npm", arguments...), b.Paths.Log("build-npm"), detail); err != nil {
			return fmt.Errorf("installing %s: %w", strings.Join(packages, " and "), err)
		}
		modules := filepath.Join(workshop, "node_modules")
		layer.add("usr/local/bin/node", filepath.Join(modules, node, "bin", "node"), 0o755)
		const target = "usr/local/lib/node_modules/gitlab-ci-local/"
		for _, file := range []string{"package.json", "dist/index.js"} {
			layer.add(target+file, filepath.Join(modules, "gitlab-ci-local", file), 0o755)
		}
		layer.link("usr/local/bin/gitlab-ci-local", "/"+target+"dist/index.js")
		return nil
	})
}
