// Package release tests the configuration of releases: .goreleaser.yaml, and what it packs.
package release

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// root is the checkout.
const root = "../.."

// file is something that a release packs.
type file struct {
	Type string `json:"type"`
	Src  string `json:"src"`
	Dst  string `json:"dst"`
}

// config is .goreleaser.yaml, as far as these tests read it.
type config struct {
	Builds []struct {
		Main    string   `json:"main"`
		Env     []string `json:"env"`
		Flags   []string `json:"flags"`
		Tags    []string `json:"tags"`
		LDFlags []string `json:"ldflags"`
	} `json:"builds"`
	Archives []struct {
		Files []file `json:"files"`
	} `json:"archives"`
	NFPMs []struct {
		Contents []file `json:"contents"`
	} `json:"nfpms"`
	Krews []struct {
		Name             string `json:"name"`
		ShortDescription string `json:"short_description"`
	} `json:"krews"`
	Casks []struct {
		CustomBlock string            `json:"custom_block"`
		Completions map[string]string `json:"completions"`
		Manpages    []string          `json:"manpages"`
	} `json:"homebrew_casks"`
}

func readConfig(t *testing.T) (c config) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, ".goreleaser.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// A release is built with the flags of `make build`.
func TestBuildFlags(t *testing.T) {
	build := readConfig(t).Builds[0]
	make := exec.Command("make", "--no-print-directory", "--dry-run", "build", "VERSION=v1.2.3")
	make.Dir = root
	// A make around this test would set options for the inner one.
	make.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "MAKE") || strings.HasPrefix(v, "MFLAGS=") })
	out, err := make.Output()
	if err != nil {
		t.Fatal(err)
	}
	ldflags := strings.ReplaceAll(strings.Join(build.LDFlags, " "), "{{ .Version }}", "1.2.3")
	want := "go build -tags " + strings.Join(build.Tags, ",") + ` -ldflags "` + ldflags + `" -o bin/dindctl ` + build.Main + "\n"
	if string(out) != want {
		t.Errorf("make build runs\n%s.goreleaser.yaml has\n%s", out, want)
	}
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for pattern, want := range map[string]string{
		`(?m)^export GOFLAGS \+= (.*)$`:     strings.Join(build.Flags, " "),
		`(?m)^export (CGO_ENABLED) = (.*)$`: strings.Join(build.Env, " "),
	} {
		found := regexp.MustCompile(pattern).FindSubmatch(makefile)
		if found == nil {
			t.Errorf("no line of the Makefile is like %s", pattern)
			continue
		}
		var parts []string
		for _, part := range found[1:] {
			parts = append(parts, string(part))
		}
		if got := strings.Join(parts, "="); got != want {
			t.Errorf("the Makefile has %q, .goreleaser.yaml has %q", got, want)
		}
	}
}
