package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// blobs serves the built blobs, which it never changes, and those that were pushed.
type blobs struct {
	built, pushed string
}

func (b blobs) find(h v1.Hash) (string, os.FileInfo, error) {
	for _, directory := range []string{b.built, b.pushed} {
		path := filepath.Join(directory, h.Hex)
		info, err := os.Stat(path)
		if err == nil {
			return path, info, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", nil, err
		}
	}
	return "", nil, registry.ErrNotFound
}

func (b blobs) Stat(_ context.Context, _ string, h v1.Hash) (int64, error) {
	_, info, err := b.find(h)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (b blobs) Get(_ context.Context, _ string, h v1.Hash) (io.ReadCloser, error) {
	path, _, err := b.find(h)
	if err != nil {
		return nil, err
	}
	return os.Open(path)
}

// Put keeps a blob only if it has the digest that it is pushed under.
func (b blobs) Put(_ context.Context, _ string, h v1.Hash, content io.ReadCloser) error {
	defer content.Close()
	file, err := os.CreateTemp(b.pushed, ".upload-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(file, sum), content)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != h.Hex {
		return fmt.Errorf("blob %s has the digest %s", h, got)
	}
	return os.Rename(file.Name(), filepath.Join(b.pushed, h.Hex))
}
