package build

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/dindctl/dindctl/hack/cluster/internal/steps"
)

func TestPath(t *testing.T) {
	source := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(source, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("part/main.go", "package main")
	write("other/main.go", "package main")
	program := Binary{Name: "tool", Version: "1", Package: "./part", Source: source, Parts: []string{"part"}}
	path := func(b Binary) string {
		t.Helper()
		path, err := b.Path("bin")
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	before := path(program)

	write("other/main.go", "package main // changed")
	write("part/main_test.go", "package main")
	if path(program) != before {
		t.Error("a file that is not part of the program changes its name")
	}
	flags := program
	flags.Ldflags = "-s"
	if path(flags) == before {
		t.Error("other flags keep the name")
	}
	write("part/main.go", "package main // changed")
	if path(program) == before {
		t.Error("a changed source keeps the name")
	}
}

func TestTail(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(log, []byte("a\nb\nc\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, want := Tail(log, 2), "    b\n    c"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMadeOnce(t *testing.T) {
	bin, source := t.TempDir(), t.TempDir()
	for name, content := range map[string]string{"go.mod": "module example.com/tool\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() {}\n"} {
		if err := os.WriteFile(filepath.Join(source, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	var builds atomic.Int32
	program := Binary{Name: "tool", Version: "1", Package: ".", Source: source, Prepare: func(context.Context, string) ([]string, error) {
		builds.Add(1)
		return nil, nil
	}}
	var images sync.WaitGroup
	for range 3 {
		images.Go(func() {
			if _, err := program.Make(t.Context(), bin, filepath.Join(bin, "log"), steps.New(null)); err != nil {
				t.Error(err)
			}
		})
	}
	images.Wait()
	if n := builds.Load(); n != 1 {
		t.Errorf("built %d times", n)
	}
}
