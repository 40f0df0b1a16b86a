package clustertest

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The program does not contain its tests' cluster.
func TestNotInTheProgram(t *testing.T) {
	const module = "github.com/dindctl/dindctl/"
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", module+"cmd/dindctl").Output()
	linked := strings.Fields(string(out))
	if err != nil || !slices.Contains(linked, module+"internal/cli") {
		t.Fatalf("%v: %d packages", err, len(linked))
	}
	if slices.Contains(linked, module+"internal/clustertest") {
		t.Error("a file that is no test imports this package")
	}
}
