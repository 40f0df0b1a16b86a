package cli

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/lifecycle"
)

// deleted returns the resources that were deleted.
func (w *world) deleted() (resources []string) {
	for _, action := range w.Actions() {
		if action.GetVerb() == "delete" {
			resources = append(resources, action.GetResource().Resource)
		}
	}
	slices.Sort(resources)
	return resources
}

var workload = []string{"configmaps", "cronjobs", "deployments", "networkpolicies", "services", "services"}

var workloadAndClaim = []string{"configmaps", "cronjobs", "deployments", "networkpolicies", "persistentvolumeclaims", "services", "services"}

// sorted sorts the lines: concurrent deletions finish in any order.
func sorted(text string) string {
	lines := strings.SplitAfter(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func TestUninstall(t *testing.T) {
	const (
		gone = "configmap/docker-dind-config removed\ncronjob/docker-dind-clear-cache removed\ndeployment/docker-dind removed\n" +
			"networkpolicy/docker-dind removed\nservice/docker-dind removed\nservice/docker-dind-pods removed\n"
		kept = "persistentvolumeclaim/docker-dind-data kept (holds the cache; --delete-data removes it)\n"
		data = "persistentvolumeclaim/docker-dind-data removed\n"
		ask  = "This permanently deletes docker-dind in context test, namespace ci, and the build cache: claim docker-dind-data, 100Gi, 12d old. Type docker-dind to continue: "
	)
	tests := []struct {
		name    string
		args    string
		answer  string // on a terminal; "" without a terminal
		code    int
		stdout  string // sorted
		stderr  string
		deleted []string
	}{
		{"the workload", "uninstall", "", 0, sorted(gone + kept), "Objects: 5 removed\nPolicy: 1 removed\n", workload},
		{"with the data", "uninstall --delete-data --yes", "", 0, sorted(gone + data), "Objects: 5 removed\nPolicy: 1 removed\nStorage: 1 removed\n",
			workloadAndClaim},
		{"a dry run", "uninstall --dry-run", "", 0, sorted(strings.ReplaceAll(gone, "removed", "would be removed") + kept), "", nil},
		{"a dry run with the data", "uninstall --delete-data --dry-run", "", 0, sorted(strings.ReplaceAll(gone+data, "removed", "would be removed")), "", nil},
		{"no terminal", "uninstall --delete-data", "", 2, "",
			"error: not a terminal: use --yes to skip confirmation\n", nil},
		{"confirmed", "uninstall --delete-data", "docker-dind\n", 0, sorted(gone + data), ask + "Objects: 5 removed\nPolicy: 1 removed\nStorage: 1 removed\n",
			workloadAndClaim},
		{"yes instead of the name", "uninstall --delete-data", "yes\n", 1, "", ask + "error: aborted; nothing was changed\n", nil},
		{"no answer", "uninstall --delete-data", "\n", 1, "", ask + "error: aborted; nothing was changed\n", nil},
		{"no confirmation without --delete-data", "uninstall", "no\n", 0, sorted(gone + kept), "Objects: 5 removed\nPolicy: 1 removed\n", workload},
		{"quietly", "uninstall -q", "", 0, sorted(gone + kept), "", workload},
		{"confirmed by a variable", "uninstall --delete-data", "env", 0, sorted(gone + data), "Objects: 5 removed\nPolicy: 1 removed\nStorage: 1 removed\n",
			workloadAndClaim},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := installedWorld(t)
			clustertest.Change(t, w.Server, corev1.SchemeGroupVersion.WithResource("persistentvolumeclaims"), "docker-dind-data",
				func(claim *corev1.PersistentVolumeClaim) {
					claim.CreationTimestamp = metav1.NewTime(noon.AddDate(0, 0, -12))
				})
			switch test.answer {
			case "":
			case "env":
				w.env["DINDCTL_YES"] = "1"
			default:
				w.streams.In, w.streams.InTerminal, w.streams.ErrTerminal = strings.NewReader(test.answer), true, true
			}
			code, stdout, stderr := w.run(t, strings.Fields(test.args)...)
			if code != test.code || sorted(stdout) != test.stdout || stderr != test.stderr {
				t.Errorf("got  %d, %q, %q\nwant %d, %q, %q", code, sorted(stdout), stderr, test.code, test.stdout, test.stderr)
			}
			if got := w.deleted(); !slices.Equal(got, test.deleted) {
				t.Errorf("deleted %q, want %q", got, test.deleted)
			}
		})
	}
}

func TestUninstallAgain(t *testing.T) {
	w := installedWorld(t)
	w.run(t, "uninstall")
	code, stdout, stderr := w.run(t, "uninstall")
	want := "nothing to remove\npersistentvolumeclaim/docker-dind-data kept (holds the cache; --delete-data removes it)\n"
	if code != 0 || stdout != want || stderr != "" {
		t.Errorf("got %d, %q, %q", code, stdout, stderr)
	}
	w.run(t, "uninstall", "--delete-data", "--yes")
	if code, _, stderr := w.run(t, "uninstall"); code != 4 || !strings.HasPrefix(stderr, "error: docker-dind is not installed in namespace ci\n") {
		t.Errorf("got %d, %q", code, stderr)
	}
}

func TestUninstallAsDocument(t *testing.T) {
	w := installedWorld(t)
	code, stdout, _ := w.run(t, "uninstall", "-o", "json")
	var got lifecycle.Uninstallation
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != 0 {
		t.Fatalf("%d, %v", code, err)
	}
	if got.Name != "docker-dind" || got.Namespace != "ci" || len(got.Removed) != 6 || len(got.Kept) != 1 {
		t.Errorf("got %+v", got)
	}
	if _, stdout, _ = w.run(t, "uninstall", "--delete-data", "-o", "json"); !strings.Contains(stdout, `"reason": "ConfirmationNeeded"`) {
		t.Errorf("got %s", stdout)
	}
}

// A failed deletion ends the command before the data is deleted.
func TestUninstallFails(t *testing.T) {
	w := installedWorld(t)
	w.PrependReactor("delete", "deployments", func(ktesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: "deployments"}, "docker-dind", errDown)
	})
	code, stdout, stderr := w.run(t, "uninstall", "--delete-data", "--yes")
	if code != 1 || stdout != "" || !strings.Contains(stderr, "deleting deployment/docker-dind: ") || slices.Contains(w.deleted(), "persistentvolumeclaims") {
		t.Errorf("got %d, %q, %q, deleted %q", code, stdout, stderr, w.deleted())
	}
	if _, err := w.Tracker().Get(corev1.SchemeGroupVersion.WithResource("persistentvolumeclaims"), "ci", "docker-dind-data"); err != nil {
		t.Error(err)
	}
}
