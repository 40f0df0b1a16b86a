package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestReportOfStores(t *testing.T) {
	samples := func(image string, first float64, bytes int64) *buildSamples {
		return &buildSamples{
			image: image, bytes: []int64{bytes}, parallel: map[int][]burst{4: {{2, 0}}},
			ways: map[string][]float64{firstBuild: {first}, warmBuild: {0.5}, pushAll: {1.5}},
		}
	}
	r := report{
		Stores: newBuildFigures([]*buildSamples{samples("containerd", 12, 606e6), samples("overlay2", 3, 205e6)}, buildSize{200, []int{4}}),
		Prune: []upkeep{
			{Store: "containerd", Images: 3000, Costs: []upkeepCost{{"a prune", 20, 2, 100}}},
			{Store: "overlay2", Images: 3000, Costs: []upkeepCost{{"a prune", 10, 4, 90}}},
		},
	}
	r.Replicas = []routed{{Route: "key", Replicas: 2, Projects: 10}}
	if err := r.Replicas[0].read("log\nmeasured: hundredths=1000 cached=9 failed=1 milliseconds=250\n"); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(r.text()), " ")
	for _, want := range []string{
		"12.0 s 3.0 s dindctl, the first build", "1.5 s 1.5 s push of the image", "606 MB 205 MB on the volume after the first build",
		"120 per minute, 0 failed", "with 3000 images", "20.0 s 2.0 × 100 10.0 s 4.0 × 90 a prune",
		"60 90% 1 0.25 s 0.0 s 2, by key",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// The archive has what the daemon needs to load each image.
func TestImagesScript(t *testing.T) {
	root := t.TempDir()
	docker := "#!/bin/sh\ncase $1 in version) echo amd64 ;; load) cat >" + root + "/archive ;; esac\n"
	if err := os.WriteFile(filepath.Join(root, "docker"), []byte(docker), 0o755); err != nil {
		t.Fatal(err)
	}
	script := exec.Command("sh", "-c", strings.ReplaceAll(imagesScript, "/tmp/", root+"/"))
	script.Env = append(os.Environ(), "PATH="+root+":"+os.Getenv("PATH"), "IMAGES=12")
	if out, err := script.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	archive, err := os.ReadFile(filepath.Join(root, "archive"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for reader := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[filepath.Clean(header.Name)], err = io.ReadAll(reader); err != nil {
			t.Fatal(err)
		}
	}
	var manifest []struct {
		Config           string
		RepoTags, Layers []string
	}
	if err := json.Unmarshal(files["manifest.json"], &manifest); err != nil || len(manifest) != 12 {
		t.Fatalf("%v: %s", err, files["manifest.json"])
	}
	ids := map[string]bool{}
	for _, image := range manifest {
		var config struct {
			Architecture string
			RootFS       struct {
				DiffIDs []string `json:"diff_ids"`
			}
		}
		if err := json.Unmarshal(files[image.Config], &config); err != nil || config.Architecture != "amd64" || len(config.RootFS.DiffIDs) != 1 || len(files[image.Layers[0]]) == 0 {
			t.Errorf("%v, image %+v: %s", err, image, files[image.Config])
		}
		ids[strings.Join(append(config.RootFS.DiffIDs, image.RepoTags...), " ")] = true
	}
	if len(ids) != 12 {
		t.Errorf("%d different images", len(ids))
	}
}
