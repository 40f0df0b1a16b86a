package release

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dindctl/dindctl/internal/cli"
	"github.com/dindctl/dindctl/internal/terminal"
)

// generated is the folder of what is made for a release.
const generated = "bin/release/"

// Everything that a release packs exists, and is packed with a completion for each shell.
func TestContents(t *testing.T) {
	c := readConfig(t)
	shells, err := filepath.Glob(filepath.Join(root, "internal/cli/completion/*"))
	if err != nil || len(shells) == 0 {
		t.Fatalf("no completion: %v", err)
	}
	packed := map[string]string{}
	for _, f := range slices.Concat(c.Archives[0].Files, c.NFPMs[0].Contents) {
		if f.Type != "" || strings.HasPrefix(f.Src, generated) {
			continue
		}
		if _, err := os.Stat(filepath.Join(root, f.Src)); err != nil {
			t.Error(err)
		}
	}
	for _, f := range c.Archives[0].Files {
		packed[f.Dst] = f.Src
	}
	for _, shell := range shells {
		if !slices.ContainsFunc(c.Archives[0].Files, func(f file) bool { return f.Src == "internal/cli/completion/"+filepath.Base(shell) }) {
			t.Errorf("the archives lack the completion of %s", filepath.Base(shell))
		}
	}
	for shell, path := range c.Casks[0].Completions {
		if want := "internal/cli/completion/" + shell; packed[path] != want {
			t.Errorf("%s: the cask names %s, which is %q in the archive", shell, path, packed[path])
		}
	}
	if len(c.Casks[0].Completions) != 3 {
		t.Errorf("completions of the cask: %v", c.Casks[0].Completions)
	}
}

// The cask names each manual page: it takes no pattern.
func TestManualPagesOfCask(t *testing.T) {
	manual := cli.NewManual()
	want := []string{"man/dindctl.1"}
	for _, command := range manual.Commands {
		want = append(want, "man/"+strings.ReplaceAll(command.Name, " ", "-")+".1")
	}
	if diff := cmp.Diff(want, readConfig(t).Casks[0].Manpages); diff != "" {
		t.Errorf(".goreleaser.yaml (-commands +cask):\n%s", diff)
	}
}

// The program answers to the names of the links as kubectl expects.
func TestLinks(t *testing.T) {
	c := readConfig(t)
	answers := map[string]string{"kubectl-dindctl": "kubectl dindctl: ", "kubectl_complete-dindctl": "status\t"}
	for _, f := range c.NFPMs[0].Contents {
		if f.Type != "symlink" {
			continue
		}
		name := filepath.Base(f.Dst)
		if f.Src != "dindctl" || filepath.Dir(f.Dst) != "/usr/bin" {
			t.Errorf("%s links to %s", f.Dst, f.Src)
		}
		args := []string{f.Dst}
		if name == "kubectl_complete-dindctl" {
			args = append(args, "stat")
		}
		var out, errors bytes.Buffer
		streams := terminal.Streams{In: strings.NewReader(""), Out: &out, Err: &errors}
		nothing := func(string) (string, bool) { return "", false }
		if code := cli.Run(t.Context(), args, nothing, streams); code != 0 || answers[name] == "" || !strings.HasPrefix(out.String(), answers[name]) {
			t.Errorf("%s: code %d, %s%s", name, code, out.String(), errors.String())
		}
		if !strings.Contains(c.Casks[0].CustomBlock, `binary "dindctl", target: "`+name+`"`) {
			t.Errorf("the cask has no %s", name)
		}
		delete(answers, name)
	}
	if len(answers) > 0 {
		t.Errorf("not linked: %v", answers)
	}
}

// krew's index accepts the name and the description, and wants the licence in the archive.
// See https://krew.sigs.k8s.io/docs/developer-guide/develop/naming-guide/
func TestKrew(t *testing.T) {
	c := readConfig(t)
	krew := c.Krews[0]
	if krew.Name != "dindctl" || krew.ShortDescription == "" || len(krew.ShortDescription) >= 80 {
		t.Errorf("got %+v", krew)
	}
	if !slices.ContainsFunc(c.Archives[0].Files, func(f file) bool { return f.Src == "LICENSE" && f.Dst == "" }) {
		t.Error("the archives have no licence")
	}
}
