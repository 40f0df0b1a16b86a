package build

import (
	"os"
	"path/filepath"
	"testing"
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
