// Package imageset records the built images: the launcher writes the record, and
// the registry reads it.
package imageset

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
)

// ManifestType is the media type of every built image's manifest.
const ManifestType = "application/vnd.oci.image.manifest.v1+json"

// Image is a built image and the names it is served under.
type Image struct {
	References []string
	Manifest   string // digest
}

// File returns the path of the record of built images.
func File(directory string) string { return filepath.Join(directory, "current.json") }

// Current returns the images of the latest complete build.
func Current(directory string) ([]Image, error) {
	data, err := os.ReadFile(File(directory))
	if err != nil {
		return nil, err
	}
	var images []Image
	return images, json.Unmarshal(data, &images)
}

// Blob returns the path of the file with that digest.
func Blob(directory, digest string) string {
	return filepath.Join(directory, "blobs", "sha256", strings.TrimPrefix(digest, "sha256:"))
}

// Split returns the name of an image in its registry: without the host, and with
// an official image in library.
func Split(reference string) (repository, tag string) {
	repository, tag = reference, "latest"
	if colon := strings.LastIndexByte(reference, ':'); colon > strings.LastIndexByte(reference, '/') {
		repository, tag = reference[:colon], reference[colon+1:]
	}
	first, rest, nested := strings.Cut(repository, "/")
	switch {
	case !nested:
		return "library/" + repository, tag
	case strings.ContainsAny(first, ".:") || first == "localhost":
		return rest, tag
	}
	return repository, tag
}
