package images

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/dindctl/dindctl/hack/cluster/internal/build"
	"github.com/dindctl/dindctl/hack/cluster/internal/versions"
)

// packages is what the official image offers beside the engine, as far as
// anything here uses it.
var packages = []string{
	"docker.io", "docker-cli", "docker-buildx", "iptables", "nftables", "iproute2",
	"openssl", "ca-certificates", "git", "openssh-client", "wget", "procps", "xz-utils", "pigz",
}

// engineFiles are the programs in which the two images differ; all the rest
// is the root file system they share.
var engineFiles = []string{
	"usr/sbin/dockerd", "usr/bin/docker-proxy", "usr/sbin/docker-proxy",
	"usr/bin/containerd", "usr/bin/containerd-shim", "usr/bin/containerd-shim-runc-v1",
	"usr/bin/containerd-shim-runc-v2", "usr/bin/containerd-stress", "usr/bin/ctr",
	"usr/sbin/runc", "usr/bin/runc",
	"usr/bin/docker", "usr/libexec/docker/cli-plugins/docker-buildx",
}

// unwanted are trees of which nothing but the directory itself is kept: what a
// container gets from its runtime, and what nobody reads in one. Git's perl
// parts are for mail and subversion.
var unwanted = []string{
	"dev", "proc", "sys", "run", "tmp", "boot",
	"usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/lintian",
	"usr/share/bash-completion", "usr/share/zoneinfo", "usr/share/perl", "usr/share/perl5",
	"var/lib/apt", "var/cache", "var/log",
}

// debianLayers makes the root file system and Debian's own engine in one go.
func (b *Builder) debianLayers(ctx context.Context) (root, engine Descriptor, err error) {
	influences := append([]string{versions.DebianSuite, runtime.GOARCH, "1"}, packages...)
	influences = append(append(influences, engineFiles...), unwanted...)
	recipe := recipeName("debian", versions.DebianEngine, influences...)
	layers, err := b.layers(recipe, func(workshop string) ([]string, error) {
		archive := filepath.Join(workshop, "root.tar")
		command := exec.CommandContext(ctx, "nice", "-n", "10", "mmdebstrap",
			"--variant=essential", "--include="+strings.Join(packages, ","), versions.DebianSuite, archive)
		if err := build.Run(command, b.Paths.Log("build-debian")); err != nil {
			return nil, err
		}
		files := []string{filepath.Join(workshop, "root"), filepath.Join(workshop, "engine")}
		return files, divide(archive, files[0], files[1])
	})
	if err != nil {
		return Descriptor{}, Descriptor{}, err
	}
	return layers[0], layers[1], nil
}

func divide(archive, rootPath, enginePath string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	root, engine := newTarball(rootPath), newTarball(enginePath)
	reader := tar.NewReader(file)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return errors.Join(root.close(), engine.close())
		}
		if err != nil {
			return errors.Join(err, root.close(), engine.close())
		}
		name := clean(header.Name)
		switch {
		case name == "" || drop(name):
		case slices.Contains(engineFiles, name):
			engine.entry(header, reader)
		default:
			root.entry(header, reader)
		}
	}
}

// drop says whether a path belongs to an unwanted tree. Perl's library is in a
// directory named after the architecture; perl-base, beside it, is essential.
func drop(name string) bool {
	for _, tree := range unwanted {
		if strings.HasPrefix(name, tree+"/") {
			return true
		}
	}
	return strings.HasPrefix(name, "usr/lib/") &&
		(strings.Contains(name, "-linux-gnu/perl/") || strings.Contains(name, "-linux-gnu/libperl.so"))
}
