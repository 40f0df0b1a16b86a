package images

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/dindctl/dindctl/hack/cluster/internal/build"
	"github.com/dindctl/dindctl/hack/cluster/internal/versions"
)

// pauseLayer is the sandbox of every pod: a program that only waits.
func (b *Builder) pauseLayer(ctx context.Context) (Descriptor, error) {
	pause := build.Binary{
		Name: "pause", Version: versions.Pause, Ldflags: "-s -w",
		Package: "main.go", Source: filepath.Join(b.Checkout, "hack", "images", "pause"),
	}
	program, err := pause.Make(ctx, b.Paths.Bin, b.Paths.Log("build-pause"), b.Say)
	if err != nil {
		return Descriptor{}, err
	}
	return first(b.layers(recipeName("pause", versions.Pause, filepath.Base(program)), func(workshop string) ([]string, error) {
		path := filepath.Join(workshop, "pause")
		layer := newTarball(path)
		layer.add("pause", program, 0o755)
		return []string{path}, layer.close()
	}))
}

// busyboxLayer is Debian's static busybox with a link for each applet.
func (b *Builder) busyboxLayer(ctx context.Context) (Descriptor, error) {
	return first(b.layers(recipeName("busybox", versions.Busybox, versions.DebianSuite, runtime.GOARCH, "1"), func(workshop string) ([]string, error) {
		archive := filepath.Join(workshop, "packages.tar")
		command := exec.CommandContext(ctx, "nice", "-n", "10", "mmdebstrap", "--variant=extract", "--include=busybox-static", versions.DebianSuite, archive)
		if err := build.Run(command, b.Paths.Log("build-busybox")); err != nil {
			return nil, err
		}
		program := filepath.Join(workshop, "busybox")
		if err := extract(archive, "usr/bin/busybox", program); err != nil {
			return nil, err
		}
		applets, err := exec.CommandContext(ctx, program, "--list").Output()
		if err != nil {
			return nil, fmt.Errorf("asking busybox for its applets: %w", err)
		}
		path := filepath.Join(workshop, "layer")
		layer := newTarball(path)
		for _, name := range []string{"bin", "dev", "etc", "home", "proc", "sbin", "sys", "usr", "usr/bin", "usr/sbin", "var"} {
			layer.directory(name, 0o755)
		}
		layer.directory("root", 0o700)
		layer.directory("tmp", 0o1777)
		layer.directory("var/tmp", 0o1777)
		layer.text("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n")
		layer.text("etc/group", "root:x:0:\nnogroup:x:65534:\n")
		layer.add("bin/busybox", program, 0o755)
		for applet := range strings.FieldsSeq(string(applets)) {
			if applet != "busybox" {
				layer.link("bin/"+applet, "/bin/busybox")
			}
		}
		layer.link("usr/bin/env", "/bin/busybox") // where scripts look for it
		return []string{path}, layer.close()
	}))
}

// extract takes one file out of an archive.
func extract(archive, name, target string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	reader := tar.NewReader(file)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("no %s in %s", name, archive)
		}
		if err != nil {
			return err
		}
		if clean(header.Name) != name || header.Typeflag != tar.TypeReg {
			continue
		}
		out, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY, 0o755)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, reader)
		return errors.Join(err, out.Close())
	}
}

func clean(name string) string { return strings.Trim(strings.TrimPrefix(name, "./"), "/") }

func first(layers []Descriptor, err error) (Descriptor, error) {
	if err != nil {
		return Descriptor{}, err
	}
	return layers[0], nil
}
