package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dindctl/dindctl/hack/cluster/internal/build"
	"github.com/dindctl/dindctl/hack/cluster/internal/control"
	"github.com/dindctl/dindctl/hack/cluster/internal/host"
	"github.com/dindctl/dindctl/hack/cluster/internal/images"
	"github.com/dindctl/dindctl/hack/cluster/internal/imageset"
	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
	"github.com/dindctl/dindctl/hack/cluster/internal/second"
	"github.com/dindctl/dindctl/hack/cluster/internal/versions"
)

// What a first build leaves in the caches, Go's own included, and what a
// cluster needs to run.
const (
	buildSpace = 6_000_000_000
	runSpace   = 1_000_000_000
)

// build builds each program and each image of the set that is missing. What
// does not depend on each other is built side by side.
func (l *launcher) build(ctx context.Context, set images.Set) (control.Programs, *images.Builder, error) {
	none := control.Programs{}
	checkout, err := paths.Checkout()
	if err != nil {
		return none, nil, err
	}
	space := uint64(runSpace)
	_, missing := imageset.Current(l.paths.Images)
	if missing != nil {
		space = buildSpace
	}
	if err := errors.Join(host.Demands(l.paths.Cache, space), build.Sweep(l.paths.Bin)); err != nil {
		return none, nil, err
	}
	if missing != nil {
		usually := "12"
		if set == images.All {
			usually = "22"
		}
		l.board.Say("The first start compiles a Kubernetes cluster and a Docker Engine from source: usually %s min on 2 processors.", usually)
		l.board.Say("The next one takes seconds. The logs are in %s.", l.paths.In("logs"))
	}
	builder := &images.Builder{Paths: l.paths, Checkout: checkout, Board: l.board, Set: set}
	programs, err := l.prepare(ctx, builder)
	if err != nil {
		return none, nil, err
	}
	return programs, builder, builder.Build(ctx)
}

// prepare builds what takes long, side by side. The programs of the checkout are
// compiled one after the other, because they share compiled packages.
func (l *launcher) prepare(ctx context.Context, builder *images.Builder) (programs control.Programs, err error) {
	needed := host.Cluster
	if builder.Set == images.All {
		needed = slices.Concat(needed, host.Tests, host.SecondNode)
	}
	var kubeRouter string
	side, ctx := errgroup.WithContext(ctx)
	side.Go(func() (err error) {
		if programs, err = l.programs(ctx, filepath.Join(builder.Checkout, "hack", "cluster")); err != nil {
			return err
		}
		return builder.CompileClient(ctx)
	})
	side.Go(func() error {
		if err := host.Install(ctx, needed, l.paths.Log("apt"), l.board); err != nil {
			return err
		}
		side.Go(func() (err error) {
			if err := builder.CompileEngine(ctx); err != nil {
				return err
			}
			if kubeRouter, err = l.kubeRouter(ctx, builder.Set); err != nil {
				return err
			}
			if err := builder.CompileTools(ctx); err != nil || builder.Set != images.All {
				return err
			}
			_, err = second.Kernel(ctx, l.paths, l.board)
			return err
		})
		return builder.FromPackages(ctx)
	})
	err = side.Wait()
	programs.KubeRouter = kubeRouter
	return programs, err
}

// kubeRouter builds kube-router for the set of all images. The demo needs no
// NetworkPolicy to be enforced: for it the path is "" unless an earlier build left one.
func (l *launcher) kubeRouter(ctx context.Context, set images.Set) (string, error) {
	binary := kubeRouterBinary()
	path, err := binary.Path(l.paths.Bin)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil && set != images.All {
		return "", nil
	}
	return binary.Make(ctx, l.paths.Bin, l.paths.Log("build-"+binary.Name), l.board)
}

func (l *launcher) programs(ctx context.Context, source string) (control.Programs, error) {
	modules := filepath.Join(source, "programs")
	var built control.Programs
	for _, program := range []struct {
		path   *string
		binary build.Binary
	}{
		{&built.Kube, kube(l.kubernetes, modules)},
		{&built.CoreDNS, build.Binary{
			Name: "coredns", Title: "CoreDNS, the cluster's name server,", Usually: 30 * time.Second, Version: versions.CoreDNS,
			Package: "./coredns", Source: modules, Parts: []string{"coredns", "go.mod", "go.sum"}, Ldflags: "-s -w",
		}},
		{&built.Registry, build.Binary{
			Name: "registry", Title: "the cluster's registry", Usually: 10 * time.Second, Version: versions.Registry,
			Package: "./registry", Source: source, Ldflags: "-s -w",
			// The launcher changes more often, and is no reason to restart it.
			Parts: []string{"registry", "internal/imageset", "go.mod", "go.sum"},
		}},
	} {
		path, err := program.binary.Make(ctx, l.paths.Bin, l.paths.Log("build-"+program.binary.Name), l.board)
		if err != nil {
			return control.Programs{}, err
		}
		*program.path = path
	}
	return built, nil
}

func kubeRouterBinary() build.Binary {
	return build.Binary{
		Name: "kube-router", Title: "kube-router, which enforces NetworkPolicies,", Usually: 150 * time.Second, Version: versions.KubeRouter,
		Package: "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router", Ldflags: "-s -w",
	}
}

// kube returns the binary with the components of a version of Kubernetes.
func kube(kubernetes versions.Release, modules string) build.Binary {
	const version = "k8s.io/component-base/version."
	binary := build.Binary{
		Name: "kube", Title: "Kubernetes", Usually: 8 * time.Minute, Version: string(kubernetes),
		Package: "./kube", Source: modules, Parts: []string{"kube", "go.mod", "go.sum"},
		// Clients can't parse the version that a plain build reports.
		Ldflags: fmt.Sprintf("-s -w -X %sgitVersion=%s -X %sgitMajor=1 -X %sgitMinor=%d",
			version, kubernetes, version, version, kubernetes.Minor()),
	}
	if kubernetes != versions.Kubernetes {
		binary.Parts = []string{"kube"}
		binary.Prepare = build.KubernetesModule(string(kubernetes))
	}
	return binary
}

// links links each component's name to the binary that has all of them.
func (l *launcher) links(kube string) error {
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"} {
		if err := paths.Link(kube, l.paths.In("links", name)); err != nil {
			return fmt.Errorf("naming the components: %w", err)
		}
	}
	return nil
}
