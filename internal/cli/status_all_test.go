package cli

import (
	"encoding/json"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/dind"
)

// One installation is healthy, the other broken: a row for each, then the problems.
func TestStatusOfAllNamespaces(t *testing.T) {
	w := newWorld(t)
	if code, out, _ := w.run(t, "status", "-A"); code != 0 || out != "No installation in any namespace.\n" {
		t.Errorf("without an installation: exit code %d, %s", code, out)
	}
	w = installedWorld(t)
	w.withExec(t, clustertest.StatOutput)
	if code, out, _ := w.run(t, "status", "-A"); code != 0 || !strings.Contains(out, "healthy") {
		t.Errorf("a healthy one: exit code %d, %s", code, out)
	}
	w.Add(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "apps", Name: "cache", Labels: dind.Labels("cache")}})
	code, out, _ := w.run(t, "status", "-A")
	if code != 3 {
		t.Errorf("exit code %d", code)
	}
	golden(t, "status-all", out)
	code, out, _ = w.run(t, "status", "--all-namespaces", "-o", "json")
	var document statuses
	if err := json.Unmarshal([]byte(out), &document); err != nil || code != 3 || len(document.Installations) != 2 || document.Installations[0].Namespace != "apps" {
		t.Errorf("exit code %d, %v, %s", code, err, out)
	}
}

func TestStatusOfAllNamespacesIsOfNoOne(t *testing.T) {
	code, _, stderr := newWorld(t).run(t, "status", "-A", "--watch", "--name", "x")
	if code != 2 || !strings.Contains(stderr, "--watch") || !strings.Contains(stderr, "--name") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}
