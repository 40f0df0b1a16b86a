package main

import (
	"errors"
	"github.com/dindctl/dindctl/hack/cluster/internal/images"
	"github.com/dindctl/dindctl/hack/cluster/internal/paths"
	"github.com/dindctl/dindctl/hack/cluster/internal/steps"
	"os"
	"testing"
)

// Nothing is built or started with an argument that is not understood.
func TestUsage(t *testing.T) {
	t.Setenv("DINDCTL_CACHE", t.TempDir())
	for name, arguments := range map[string][]string{
		"no command":          nil,
		"unknown command":     {"start"},
		"unknown set":         {"up", "--images", "both"},
		"no version":          {"up", "--kubernetes", "1.29"},
		"unknown flag":        {"up", "--image", "demo"},
		"argument too much":   {"build", "demo"},
		"step of nothing":     {"step", "--title", "nothing"},
		"a time without unit": {"step", "--title", "true", "--usually", "5", "--", "true"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := run(t.Context(), arguments); !errors.Is(err, errUsage) {
				t.Errorf("got %v, want the usage", err)
			}
		})
	}
}

// The demo does not wait for a program that it does not need, and uses it if an earlier
// build left one.
func TestDemoBuildsNoKubeRouter(t *testing.T) {
	l := &launcher{paths: paths.Paths{Bin: t.TempDir(), State: t.TempDir()}, board: steps.New(os.Stderr)}
	if path, err := l.kubeRouter(t.Context(), images.Demo); path != "" || err != nil {
		t.Errorf("got %q, %v", path, err)
	}
	built, err := kubeRouterBinary().Path(l.paths.Bin)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(built, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, set := range []images.Set{images.Demo, images.All} {
		if path, err := l.kubeRouter(t.Context(), set); path != built || err != nil {
			t.Errorf("set %s: got %q, %v; want %s", set, path, err, built)
		}
	}
}

// An API server may not read what a later one has stored.
func TestSameVersion(t *testing.T) {
	l := launcher{paths: paths.Paths{State: t.TempDir()}, kubernetes: "v1.30.14"}
	if err := l.sameVersion(); err != nil {
		t.Errorf("without data: %v", err)
	}
	for version, want := range map[string]bool{"v1.30.14": true, "v1.37.2": false, "v1.30.1": false, "": false} {
		if err := os.WriteFile(l.paths.In("kubernetes"), []byte(version+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := l.sameVersion(); (err == nil) != want {
			t.Errorf("with data of %q: %v", version, err)
		}
	}
}
