package images

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"time"
)

// tarball is a layer that is being written. After an error it writes nothing, and
// close returns the error.
type tarball struct {
	file   *os.File
	writer *tar.Writer
	err    error
}

func newTarball(path string) *tarball {
	file, err := os.Create(path)
	if err != nil {
		return &tarball{err: err}
	}
	return &tarball{file: file, writer: tar.NewWriter(file)}
}

func (t *tarball) close() error {
	if t.file == nil {
		return t.err
	}
	return errors.Join(t.err, t.writer.Close(), t.file.Close())
}

// entry writes a header, and its content if there is any.
func (t *tarball) entry(header *tar.Header, content io.Reader) {
	if t.err != nil {
		return
	}
	if t.err = t.writer.WriteHeader(header); t.err == nil && content != nil {
		_, t.err = io.Copy(t.writer, content)
	}
}

func (t *tarball) directory(name string, mode int64) {
	t.entry(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode, ModTime: epoch}, nil)
}

func (t *tarball) link(name, target string) {
	t.entry(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777, ModTime: epoch}, nil)
}

// add copies a file of this machine to the layer.
func (t *tarball) add(name, source string, mode int64) {
	if t.err != nil {
		return
	}
	file, err := os.Open(source)
	if err != nil {
		t.err = err
		return
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		t.err = err
		return
	}
	t.entry(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: info.Size(), ModTime: epoch}, file)
}

func (t *tarball) text(name, content string) {
	if t.err != nil {
		return
	}
	if t.err = t.writer.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content)), ModTime: epoch}); t.err == nil {
		_, t.err = io.WriteString(t.writer, content)
	}
}

// epoch is the time of each written file: the same input gives the same layer.
var epoch = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
