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
	"time"

	"github.com/dindctl/dindctl/hack/cluster/internal/build"
	"github.com/dindctl/dindctl/hack/cluster/internal/versions"
)

// packages are those of the root file system of Debian's engine: what the official
// image has beside the engine and is used here, and what the engine needs.
var packages = []string{
	"mount", "tini", "libseccomp2", "libsystemd0", "iptables", "nftables", "iproute2",
	"openssl", "ca-certificates", "git", "openssh-client", "wget", "procps", "xz-utils", "pigz",
}

// alpinePackages are those of the root file system of the current engine, of
// which only some programs are kept.
var alpinePackages = []string{
	"busybox", "libc-bin", "coreutils", "util-linux", "tini", "iptables",
	"openssl", "ca-certificates", "git", "openssh-client", "xz-utils", "pigz",
}

// debianEngine are the packages of Debian's Docker Engine.
var debianEngine = []string{"docker.io", "docker-cli", "docker-buildx"}

// engineFiles are the programs that are taken from them. What else they need is
// in the root file system.
var engineFiles = []string{
	"usr/sbin/dockerd", "usr/bin/docker-proxy", "usr/sbin/docker-proxy",
	"usr/bin/containerd", "usr/bin/containerd-shim", "usr/bin/containerd-shim-runc-v1",
	"usr/bin/containerd-shim-runc-v2", "usr/bin/containerd-stress", "usr/bin/ctr",
	"usr/sbin/runc", "usr/bin/runc",
	"usr/bin/docker", "usr/libexec/docker/cli-plugins/docker-buildx",
}

// unwanted are the directories that are left empty: a container gets their
// content from its runtime, or never reads it. Git needs perl only for mail and
// Subversion.
var unwanted = []string{
	"dev", "proc", "sys", "run", "tmp", "boot",
	"usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/lintian",
	"usr/share/bash-completion", "usr/share/zoneinfo", "usr/share/perl", "usr/share/perl5",
	"var/lib/apt", "var/cache", "var/log",
}

// alpineRoot builds a root file system like that of the official image, with the
// script alpine.sh: the programs of BusyBox, but Debian's libraries.
func (b *Builder) alpineRoot(ctx context.Context) (Descriptor, error) {
	script := filepath.Join(b.Checkout, "hack", "images", "dind", "alpine.sh")
	content, err := os.ReadFile(script)
	if err != nil {
		return Descriptor{}, err
	}
	title := "make the root file system of the Docker image from Debian packages"
	influences := slices.Concat([]string{versions.DebianSuite, runtime.GOARCH, string(content)}, alpinePackages, unwanted)
	return b.layer(recipeName("alpine", versions.DebianSuite, influences...), title, 40*time.Second, func(layer *tarball, workshop string, detail func(string)) error {
		archive := filepath.Join(workshop, "archive.tar")
		err := b.mmdebstrap(ctx, "alpine", detail, versions.DebianSuite, archive, "--variant=extract", "--include="+strings.Join(alpinePackages, ","), "--extract-hook="+script)
		if err != nil {
			return err
		}
		return filter(archive, layer, func(name string) bool { return !drop(name) })
	})
}

// debianRoot builds the root file system of Debian's engine.
func (b *Builder) debianRoot(ctx context.Context) (Descriptor, error) {
	const group = "docker:x:2375:" // the owner of the daemon's socket, as in the official image
	title := "install the root file system of the second Docker image from Debian packages"
	influences := append(append([]string{versions.DebianSuite, runtime.GOARCH, group}, packages...), unwanted...)
	return b.layer(recipeName("root", versions.DebianSuite, influences...), title, 80*time.Second, func(layer *tarball, workshop string, detail func(string)) error {
		archive := filepath.Join(workshop, "archive.tar")
		err := b.mmdebstrap(ctx, "root", detail, versions.DebianSuite, archive, "--variant=essential", "--include="+strings.Join(packages, ","),
			`--customize-hook=echo `+group+` >> "$1/etc/group"`)
		if err != nil {
			return err
		}
		return filter(archive, layer, func(name string) bool { return !drop(name) })
	})
}

func debianEngineRecipe() string {
	return recipeName("debian", versions.DebianEngine,
		append(append([]string{versions.DebianSuite, runtime.GOARCH, "2"}, debianEngine...), engineFiles...)...)
}

// debianEngineLayer takes the programs of Debian's engine from its packages,
// which are not installed.
func (b *Builder) debianEngineLayer(ctx context.Context) (Descriptor, error) {
	title := "get the image's second engine: Debian's Docker Engine " + versions.DebianEngine
	return b.layer(debianEngineRecipe(), title, 45*time.Second, func(layer *tarball, workshop string, detail func(string)) error {
		archive := filepath.Join(workshop, "archive.tar")
		if err := b.mmdebstrap(ctx, "debian", detail, versions.DebianSuite, archive, "--variant=extract", "--include="+strings.Join(debianEngine, ",")); err != nil {
			return err
		}
		return filter(archive, layer, func(name string) bool { return slices.Contains(engineFiles, name) })
	})
}

// mmdebstrap writes packages of Debian to an archive.
func (b *Builder) mmdebstrap(ctx context.Context, log string, detail func(string), suite, archive string, arguments ...string) error {
	arguments = append([]string{"-n", "10", "mmdebstrap"}, arguments...)
	command := exec.CommandContext(ctx, "nice", append(arguments, suite, archive)...)
	return build.Run(command, b.Paths.Log("build-"+log), detail)
}

// filter copies the chosen files of an archive to a layer.
func filter(archive string, layer *tarball, chosen func(name string) bool) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	reader := tar.NewReader(file)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if name := clean(header.Name); name != "" && chosen(name) {
			layer.entry(header, reader)
		}
	}
}

// drop reports whether a path is in an unwanted directory. Perl's library is in
// a directory named after the architecture; perl-base, beside it, is essential.
func drop(name string) bool {
	for _, tree := range unwanted {
		if strings.HasPrefix(name, tree+"/") {
			return true
		}
	}
	return strings.HasPrefix(name, "usr/lib/") &&
		(strings.Contains(name, "-linux-gnu/perl/") || strings.Contains(name, "-linux-gnu/libperl.so"))
}
