package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/dindctl/dindctl/internal/dind"
)

func TestManifests(t *testing.T) {
	want, err := os.ReadFile(filepath.Join("..", "dind", "testdata", "defaults.golden.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{"manifests", "manifests -o yaml", "manifests -n default --storage-size 100Gi"} {
		w := newWorld(t)
		code, stdout, stderr := w.run(t, strings.Fields(args)...)
		if code != 0 || stderr != "" {
			t.Errorf("%s: code %d, stderr %q", args, code, stderr)
		}
		if diff := cmp.Diff(string(want), stdout); diff != "" {
			t.Errorf("%s: %s", args, diff)
		}
		if len(w.connections) > 0 {
			t.Errorf("%s connects to the cluster", args)
		}
	}
}

func TestManifestsAsJSON(t *testing.T) {
	w := newWorld(t)
	code, stdout, stderr := w.run(t, "manifests", "-o", "json", "-n", "ci")
	var list dind.List
	decoder := json.NewDecoder(strings.NewReader(stdout))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&list); err != nil || decoder.More() || code != 0 || stderr != "" {
		t.Fatalf("%d, %v: %s", code, err, stderr)
	}
	if list.APIVersion != "v1" || list.Kind != "List" {
		t.Errorf("got %s %s", list.APIVersion, list.Kind)
	}
	// The same objects as in YAML, in the same order.
	_, manifests, _ := w.run(t, "manifests", "-n", "ci")
	documents := bytes.Split([]byte(manifests), []byte("---\n"))[1:]
	if len(documents) != len(list.Items) {
		t.Fatalf("%d documents, %d items", len(documents), len(list.Items))
	}
	for n, document := range documents {
		var object any
		if err := yaml.Unmarshal(document, &object); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(object, list.Items[n]); diff != "" {
			t.Errorf("item %d: %s", n, diff)
		}
	}
}

// Errors found only while the objects are built are usage errors as well.
func TestManifestsUsageError(t *testing.T) {
	code, stdout, stderr := newWorld(t).run(t, "manifests", "--existing-claim", "old")
	if code != 2 || stdout != "" || !strings.HasPrefix(stderr, "error: invalid command line\n  --cache-limit ") {
		t.Errorf("got %d, %q, %q", code, stdout, stderr)
	}
}
