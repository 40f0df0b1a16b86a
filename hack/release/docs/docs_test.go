package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dindctl/dindctl/internal/cli"
)

// The committed reference says what the help says.
func TestReference(t *testing.T) {
	committed, err := os.ReadFile("../reference.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(committed), markdown(cli.NewManual())); diff != "" {
		t.Errorf("hack/release/reference.md differs from the commands: run `make reference` (-committed +commands)\n%s", diff)
	}
}

// Every command has a page with its options, and a page of a command that is gone does not stay.
func TestMan(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "man")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "dindctl-gone.1"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{"-man", folder, "-version", "v1.2.3", "-date", "2026-11-21"}); err != nil {
		t.Fatal(err)
	}
	manual := cli.NewManual()
	var names []string
	for _, page := range append([]cli.Page{manual.Page}, manual.Commands...) {
		name := title(page.Name) + ".1"
		names = append(names, name)
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if want := ".TH " + strings.ToUpper(title(page.Name)) + ` 1 2026-11-21 "dindctl v1.2.3"`; !strings.HasPrefix(string(text), want) {
			t.Errorf("%s begins with %.60q, want %q", name, text, want)
		}
		for _, group := range page.Groups {
			for _, o := range group.Options {
				if !strings.Contains(string(text), "\n.TP\n"+option(o.Name)+"\n") {
					t.Errorf("%s lacks %s", name, o.Name)
				}
			}
		}
	}
	slices.Sort(names)
	found, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for n := range found {
		found[n] = filepath.Base(found[n])
	}
	slices.Sort(found)
	if diff := cmp.Diff(names, found); diff != "" {
		t.Error(diff)
	}
}

func TestRoff(t *testing.T) {
	for text, want := range map[string]string{
		"a `dindctl -n` b":  `a \fBdindctl \-n\fR b`,
		".x\n'y\nback\\end": "\\&.x\n\\&'y\nback\\eend",
	} {
		if got := roff(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if got, want := option("-n, --env KEY=VALUE..."), `\fB\-n\fR, \fB\-\-env\fR \fIKEY=VALUE...\fR`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A call that writes nothing is an error.
func TestNothingToWrite(t *testing.T) {
	if err := run(nil); err == nil {
		t.Error("no error")
	}
}
