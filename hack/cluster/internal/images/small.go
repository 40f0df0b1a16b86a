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
	"time"

	"github.com/dindctl/dindctl/hack/cluster/internal/build"
	"github.com/dindctl/dindctl/hack/cluster/internal/versions"
)

// pauseLayer builds the sandbox of each pod: a program that only waits.
func (b *Builder) pauseLayer(ctx context.Context) (Descriptor, error) {
	pause := build.Binary{
		Name: "pause", Title: "pause, the first process of each pod,", Usually: 5 * time.Second, Version: versions.Pause, Ldflags: "-s -w",
		Package: "main.go", Source: filepath.Join(b.Checkout, "hack", "images", "pause"),
	}
	program, err := b.make(ctx, pause)
	if err != nil {
		return Descriptor{}, err
	}
	return b.layer(recipeName("pause", versions.Pause, filepath.Base(program)), "write the layer of the pause image", time.Second, func(layer *tarball, _ string, _ func(string)) error {
		layer.add("pause", program, 0o755)
		return nil
	})
}

// busyboxLayer builds a layer with Debian's static busybox and a link for each applet.
func (b *Builder) busyboxLayer(ctx context.Context) (Descriptor, error) {
	return b.layer(recipeName("busybox", versions.Busybox, versions.DebianSuite, runtime.GOARCH, "1"), "get busybox from Debian", 15*time.Second, func(layer *tarball, workshop string, detail func(string)) error {
		archive := filepath.Join(workshop, "packages.tar")
		if err := b.mmdebstrap(ctx, "busybox", detail, versions.DebianSuite, archive, "--variant=extract", "--include=busybox-static"); err != nil {
			return err
		}
		program := filepath.Join(workshop, "busybox")
		if err := extract(archive, "usr/bin/busybox", program); err != nil {
			return err
		}
		applets, err := exec.CommandContext(ctx, program, "--list").Output()
		if err != nil {
			return fmt.Errorf("asking busybox for its applets: %w", err)
		}
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
		layer.link("usr/bin/env", "/bin/busybox") // where scripts expect it
		return nil
	})
}

// extract copies one file out of an archive.
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
