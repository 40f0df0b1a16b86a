// Package images builds the container images of the embedded cluster from Debian
// packages and Go modules, and keeps them as blobs that the registry serves.
package images

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/dindctl/dindctl/hack/cluster/internal/imageset"
	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
)

// Layers are not compressed: they stay on this machine, where compressing would
// take longer than copying.
const (
	configType = "application/vnd.oci.image.config.v1+json"
	layerType  = "application/vnd.oci.image.layer.v1.tar"
)

// Descriptor refers to a blob, as the OCI specification defines it.
type Descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

// addFile moves a finished file into the store.
func addFile(directory, path, mediaType string) (Descriptor, error) {
	file, err := os.Open(path)
	if err != nil {
		return Descriptor{}, err
	}
	defer file.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, file)
	if err != nil {
		return Descriptor{}, err
	}
	descriptor := Descriptor{mediaType, "sha256:" + hex.EncodeToString(sum.Sum(nil)), size}
	return descriptor, os.Rename(path, imageset.Blob(directory, descriptor.Digest))
}

func addJSON(directory, mediaType string, value any) (Descriptor, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return Descriptor{}, err
	}
	sum := sha256.Sum256(data)
	descriptor := Descriptor{mediaType, "sha256:" + hex.EncodeToString(sum[:]), int64(len(data))}
	return descriptor, paths.WriteFile(imageset.Blob(directory, descriptor.Digest), data, 0o644)
}

// remembered returns the layer that a recipe made before, if it is still there.
func remembered(directory, recipe string) (Descriptor, bool) {
	data, err := os.ReadFile(recipeFile(directory, recipe))
	if err != nil {
		return Descriptor{}, false
	}
	var layer Descriptor
	if json.Unmarshal(data, &layer) != nil {
		return Descriptor{}, false
	}
	info, err := os.Stat(imageset.Blob(directory, layer.Digest))
	return layer, err == nil && info.Size() == layer.Size
}

func remember(directory, recipe string, layer Descriptor) error {
	data, err := json.Marshal(layer)
	if err != nil {
		return err
	}
	return paths.WriteFile(recipeFile(directory, recipe), data, 0o644)
}

func recipeFile(directory, recipe string) string {
	return filepath.Join(directory, "layers", recipe+".json")
}

// recipeName returns a layer's name, its version, and a hash of everything that
// determines its content.
func recipeName(name, version string, influences ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(influences, "\x00")))
	return fmt.Sprintf("%s-%s-%s", name, version, hex.EncodeToString(sum[:])[:12])
}

// collect removes the blobs and recipes that no image uses: those of earlier
// versions and of interrupted builds.
func collect(directory string, recipes []string, digests map[string]bool) error {
	keep := map[string]bool{}
	for _, recipe := range recipes {
		keep[recipeFile(directory, recipe)] = true
	}
	for digest := range digests {
		keep[imageset.Blob(directory, digest)] = true
	}
	var failed error
	for _, pattern := range []string{"layers/*", "blobs/sha256/*", ".building-*"} {
		found, err := filepath.Glob(filepath.Join(directory, pattern))
		failed = errors.Join(failed, err)
		for _, path := range found {
			if !keep[path] {
				failed = errors.Join(failed, os.RemoveAll(path))
			}
		}
	}
	return failed
}
