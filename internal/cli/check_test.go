package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/lifecycle"
)

func TestCheck(t *testing.T) {
	tests := []struct {
		name, args string
		code       int
	}{
		{"ready", "check", 0},
		{"failed", "check --storage-class fast --no-network-policy --existing-claim=", 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, clustertest.DefaultClass())
			code, stdout, stderr := w.run(t, strings.Fields(test.args)...)
			if code != test.code || stderr != "" {
				t.Errorf("code %d, stderr %q", code, stderr)
			}
			golden(t, "check-"+test.name, stdout)

			code, stdout, _ = w.run(t, append(strings.Fields(test.args), "-o", "json")...)
			var got lifecycle.Checks
			if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != test.code || got.OK != (code == 0) || len(got.Results) < 6 {
				t.Errorf("got %d, %v, %+v", code, err, got)
			}
			for _, action := range w.Actions() {
				if action.GetVerb() == "patch" || action.GetVerb() == "delete" {
					t.Errorf("sent %v", action)
				}
			}
		})
	}
}

func TestPrintRole(t *testing.T) {
	w := newWorld(t)
	code, stdout, stderr := w.run(t, "check", "--print-role", "-n", "ci", "--local-path", "/mnt/docker", "--local-node", "worker")
	if code != 0 || stderr != "" || len(w.connections) > 0 {
		t.Errorf("code %d, stderr %q, %d connections", code, stderr, len(w.connections))
	}
	golden(t, "check-role", stdout)

	_, stdout, _ = w.run(t, "check", "--print-role", "-n", "ci", "--local-path", "/mnt/docker", "--local-node", "worker", "-o", "json")
	var list dind.List
	if err := json.Unmarshal([]byte(stdout), &list); err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, item := range list.Items {
		kinds = append(kinds, item.(map[string]any)["kind"].(string))
	}
	if diff := cmp.Diff([]string{"Role", "ClusterRole"}, kinds); diff != "" || list.Kind != "List" {
		t.Error(diff)
	}
}
