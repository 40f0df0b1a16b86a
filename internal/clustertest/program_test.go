package clustertest

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestProgramDoesNotImportClustertest(t *testing.T) {
	const module = "github.com/dindctl/dindctl/"
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", module+"cmd/dindctl").Output()
	linked := strings.Fields(string(out))
	if err != nil || !slices.Contains(linked, module+"internal/cli") {
		t.Fatalf("go list: %d packages without internal/cli, %v", len(linked), err)
	}
	if slices.Contains(linked, module+"internal/clustertest") {
		t.Error("a file other than a test imports clustertest")
	}
}
