package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The file of --affinity is read once: a later install, and `options`, have its content.
func TestAffinity(t *testing.T) {
	path := filepath.Join(t.TempDir(), "affinity.yml")
	const text = "nodeAffinity:\n  requiredDuringSchedulingIgnoredDuringExecution:\n    nodeSelectorTerms:\n    - matchExpressions:\n      - {key: disk, operator: In, values: [ssd]}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.install(t, "--affinity", path)
	_, before, _ := w.run(t, "options")
	if !strings.Contains(before, `{"key":"disk","operator":"In","values":["ssd"]}`) {
		t.Fatalf("options: %s", before)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	for _, again := range [][]string{{"--reuse-options"}, {"-f", optionsFileOf(t, before)}} {
		code, _, stderr := w.run(t, append([]string{"install", "--skip-preflight"}, again...)...)
		if _, after, _ := w.run(t, "options"); code != 0 || after != before {
			t.Errorf("%s: %d, %s%s", again, code, stderr, after)
		}
	}
	if code, _, stderr := w.run(t, "install", "--affinity", path); code != exitUsage || !strings.Contains(stderr, "the file cannot be read") {
		t.Errorf("%d, %s", code, stderr)
	}
}
