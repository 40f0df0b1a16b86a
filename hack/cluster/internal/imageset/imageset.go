// Package imageset is what the launcher, which builds images, and the registry,
// which serves them, agree on.
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

// File lists the images of the latest complete build.
func File(directory string) string { return filepath.Join(directory, "current.json") }

// Current reads what the latest complete build made.
func Current(directory string) ([]Image, error) {
	data, err := os.ReadFile(File(directory))
	if err != nil {
		return nil, err
	}
	var images []Image
	return images, json.Unmarshal(data, &images)
}

// Blob is the file with the content of that digest.
func Blob(directory, digest string) string {
	return filepath.Join(directory, "blobs", "sha256", strings.TrimPrefix(digest, "sha256:"))
}

// Split turns a reference into what a registry calls it: the host is gone,
// and an official image is in library.
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
