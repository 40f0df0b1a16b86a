package build

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestRunLines(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	var got []string
	script := `printf 'one\n\n\033[1mtwo\r\n'; printf 'th' >&2; sleep 0.1; printf 'ree\n' >&2; exit 3`
	err := Run(exec.CommandContext(t.Context(), "sh", "-c", script), log, func(line string) { got = append(got, line) })
	if want := []string{"one", "[1mtwo", "three"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if err == nil || !strings.Contains(err.Error(), "three") {
		t.Errorf("the error %v has not the end of the log", err)
	}
}

func TestProgress(t *testing.T) {
	var got []string
	report := Progress(func(detail string) { got = append(got, detail) })
	for _, line := range []string{"go: downloading k8s.io/api v0.36.3", "go: finding something", "go build -v ./x", "k8s.io/api/core/v1", "k8s.io/client-go/rest"} {
		report(line)
	}
	want := []string{"downloading k8s.io/api v0.36.3", "package 1, k8s.io/api/core/v1", "package 2, k8s.io/client-go/rest"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
