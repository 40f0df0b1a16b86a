package cli

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dindctl/dindctl/internal/clustertest"
)

func TestVersionCommand(t *testing.T) {
	version = "v1.2.3"
	t.Cleanup(func() { version = "" })
	w := installedWorld(t)
	const want = "dindctl      v1.2.3\nKubernetes   v1.36.3\nDocker       29.7.2 (API 1.40 to 1.52)\n"
	if code, stdout, stderr := w.run(t, "version"); code != 0 || stdout != want || stderr != "" {
		t.Errorf("code %d, stderr %q, stdout\n%s", code, stderr, stdout)
	}
	var got map[string]any
	_, stdout, _ := w.run(t, "version", "-o", "json")
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{
		"dindctl": "v1.2.3", "kubernetes": "v1.36.3",
		"daemon": map[string]any{
			"version": "29.7.2", "apiVersion": "1.52", "minApiVersion": "1.40",
			"storageDriver": "overlay2", "rootDir": "/var/lib/docker", "cgroupVersion": "2",
		},
	}, got); diff != "" {
		t.Error(diff)
	}
}

// Without a daemon the other versions are printed all the same.
func TestVersionWithoutDaemon(t *testing.T) {
	code, stdout, _ := newWorld(t, clustertest.DefaultClass()).run(t, "version")
	const want = "dindctl      dev\nKubernetes   v1.36.3\nDocker       unknown: docker-dind is not installed in namespace ci\n"
	if code != 0 || stdout != want {
		t.Errorf("code %d, got\n%s", code, stdout)
	}
}
