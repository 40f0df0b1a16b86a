package images

import "testing"

func TestRemembered(t *testing.T) {
	directory := t.TempDir()
	blob, err := addJSON(directory, layerType, "content")
	if err != nil {
		t.Fatal(err)
	}
	whole, missing := recipeName("a", "1", "x"), recipeName("b", "1", "x")
	if err := remember(directory, whole, blob); err != nil {
		t.Fatal(err)
	}
	if err := remember(directory, missing, Descriptor{layerType, "sha256:00", 1}); err != nil {
		t.Fatal(err)
	}
	if _, ok := remembered(directory, whole); !ok {
		t.Error("a complete recipe is not remembered")
	}
	if _, ok := remembered(directory, missing); ok {
		t.Error("a recipe whose blob is gone counts as made")
	}
	if err := collect(directory, []string{whole}, map[string]bool{blob.Digest: true}); err != nil {
		t.Fatal(err)
	}
	if _, ok := remembered(directory, whole); !ok {
		t.Error("collecting removed what is in use")
	}
}
