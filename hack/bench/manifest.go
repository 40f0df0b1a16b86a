package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// errNoManifest is returned if the registry does not have a manifest.
var errNoManifest = errors.New("the registry does not have this manifest")

// manifest is an image's, or the index of a registry cache.
type manifest struct {
	Config    part   `json:"config"`
	Layers    []part `json:"layers"`
	Manifests []part `json:"manifests"`
}

type part struct {
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
}

// bytes returns the size of what a manifest names, each part once.
func (m manifest) bytes() (sum int64) {
	sizes := map[string]int64{m.Config.Digest: m.Config.Size}
	for _, p := range append(m.Layers, m.Manifests...) {
		sizes[p.Digest] = p.Size
	}
	for _, size := range sizes {
		sum += size
	}
	return sum
}

// manifestBytes returns the size of what is in a plain HTTP registry under a reference.
func manifestBytes(ctx context.Context, reference string) (int64, error) {
	host, rest, _ := strings.Cut(reference, "/")
	repository, tag, _ := strings.Cut(rest, ":")
	url := fmt.Sprintf("http://%s/v2/%s/manifests/%s", host, repository, tag)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Accept", "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json")
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no proxy leads to it
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return 0, errNoManifest
	default:
		return 0, fmt.Errorf("GET %s: %s", url, response.Status)
	}
	var m manifest
	err = json.NewDecoder(response.Body).Decode(&m)
	return m.bytes(), err
}
