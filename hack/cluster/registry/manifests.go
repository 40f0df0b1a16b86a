package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/dindctl/dindctl/hack/cluster/internal/imageset"
)

// loadImages adds each built image to the registry, which keeps manifests in
// memory.
func loadImages(handler http.Handler, directory string) error {
	built, err := imageset.Current(directory)
	if err != nil {
		return fmt.Errorf("listing built images: %w", err)
	}
	for _, image := range built {
		manifest, err := os.ReadFile(imageset.Blob(directory, image.Manifest))
		if err != nil {
			return fmt.Errorf("loading %v: %w", image.References, err)
		}
		for _, reference := range image.References {
			repository, tag := imageset.Split(reference)
			if err := put(handler, "/v2/"+repository+"/manifests/"+tag, imageset.ManifestType, manifest); err != nil {
				return fmt.Errorf("loading %s: %w", reference, err)
			}
		}
	}
	return nil
}

func put(handler http.Handler, path, mediaType string, manifest []byte) error {
	request := httptest.NewRequest(http.MethodPut, path, bytes.NewReader(manifest))
	request.Header.Set("Content-Type", mediaType)
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	if answer.Code >= 300 {
		return fmt.Errorf("%d %s", answer.Code, answer.Body)
	}
	return nil
}

// pushes stores pushed manifests, so that they survive a restart of the cluster.
type pushes struct {
	directory string
	next      http.Handler
}

type push struct {
	Path, MediaType string
	Manifest        []byte
}

func (p *pushes) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodPut || !strings.Contains(request.URL.Path, "/manifests/") {
		p.next.ServeHTTP(w, request)
		return
	}
	manifest, err := io.ReadAll(http.MaxBytesReader(w, request.Body, 4<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	request.Body = io.NopCloser(bytes.NewReader(manifest))
	seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	p.next.ServeHTTP(seen, request)
	if seen.status < 300 {
		p.keep(push{request.URL.Path, request.Header.Get("Content-Type"), manifest})
	}
}

func (p *pushes) keep(pushed push) {
	data, err := json.Marshal(pushed)
	if err == nil {
		err = os.WriteFile(filepath.Join(p.directory, url.PathEscape(pushed.Path)), data, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "registry: a push will not survive a restart:", err)
	}
}

// replay pushes again what was pushed, in the same order: an index follows the
// manifests that it names.
func (p *pushes) replay() error {
	if err := os.MkdirAll(p.directory, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(p.directory)
	if err != nil {
		return err
	}
	times := map[string]time.Time{}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return err
		}
		times[entry.Name()] = info.ModTime()
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return times[a.Name()].Compare(times[b.Name()]) })
	for _, entry := range entries {
		path := filepath.Join(p.directory, entry.Name())
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var pushed push
		if err := json.Unmarshal(data, &pushed); err != nil {
			// Incomplete: the registry was killed.
			if err := os.Remove(path); err != nil {
				return err
			}
			continue
		}
		if err := put(p.next, pushed.Path, pushed.MediaType, pushed.Manifest); err != nil {
			fmt.Fprintf(os.Stderr, "registry: the push of %s is lost: %v\n", pushed.Path, err)
		}
	}
	return nil
}
