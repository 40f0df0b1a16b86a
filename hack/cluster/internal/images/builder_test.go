package images

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/dindctl/dindctl/hack/cluster/internal/imageset"
	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
	"github.com/dindctl/dindctl/hack/cluster/internal/steps"
	"github.com/dindctl/dindctl/hack/cluster/internal/versions"
)

func TestParseSet(t *testing.T) {
	for _, set := range []Set{Demo, All} {
		if got, err := ParseSet(string(set)); got != set || err != nil {
			t.Errorf("ParseSet(%q) = %q, %v", set, got, err)
		}
	}
	if _, err := ParseSet("both"); err == nil {
		t.Error("an unknown set is accepted")
	}
}

// An image that another set needed stays, so that a demo between two test runs
// does not make the second build it again.
func TestSets(t *testing.T) {
	builder := Builder{Paths: paths.Paths{Images: t.TempDir()}, Checkout: "../../../..", Board: steps.New(os.Stderr)}
	want := func(set Set, debian bool) {
		t.Helper()
		builder.Set = set
		if got := builder.wants(debianEngineRecipe()); got != debian {
			t.Errorf("set %q: the image of Debian's engine is wanted: %v", set, got)
		}
	}
	want(Demo, false)
	want(All, true)
	layer, err := addJSON(builder.Paths.Images, layerType, "engine")
	if err != nil {
		t.Fatal(err)
	}
	if err := remember(builder.Paths.Images, debianEngineRecipe(), layer); err != nil {
		t.Fatal(err)
	}
	want(Demo, true)
	if err := os.Remove(imageset.Blob(builder.Paths.Images, layer.Digest)); err != nil {
		t.Fatal(err)
	}
	want(Demo, false)
}

// A recipe that has run is not run again. On a new machine there is no directory.
func TestLayer(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "images")
	builder := Builder{Paths: paths.Paths{Images: directory}, Checkout: t.TempDir(), Board: steps.New(os.Stderr)}
	runs := 0
	for range 2 {
		layer, err := builder.layer(recipeName("a", versions.Pause), "write a layer", 0, func(layer *tarball, _ string, _ func(string)) error {
			runs++
			layer.text("file", "content")
			return nil
		})
		if err != nil || layer.Size == 0 {
			t.Fatal(layer, err)
		}
	}
	if runs != 1 {
		t.Errorf("the recipe ran %d times", runs)
	}
}
