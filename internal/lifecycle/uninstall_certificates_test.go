package lifecycle

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/kube"
)

func TestUninstallWithTLS(t *testing.T) {
	w := installedWorld(t, secureFor("jobs"))
	planned, err := w.PlanRemoval(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	w.reset()
	outcome, err := w.Remove(t.Context(), planned)
	if err != nil {
		t.Fatal(err)
	}
	want := append([]string{"- Secret d-client-tls", "- Secret d-client-tls", "- Secret d-server-tls"}, workload...)
	want = append(want, "= PersistentVolumeClaim d-data: "+holdsTheCache)
	slices.Sort(want)
	if diff := cmp.Diff(want, removedAndKept(outcome)); diff != "" {
		t.Error(diff)
	}
	if outcome.Removed[0].Namespace != "jobs" {
		t.Errorf("the copy is not deleted first: %+v", outcome.Removed)
	}
}

// The Deployment shows the next uninstall that there are Secrets.
func TestUninstallKeepsTheDeploymentWhileSecretsRemain(t *testing.T) {
	w := installedWorld(t, secure)
	planned, err := w.PlanRemoval(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	refuse(w, "delete", "secrets")
	if _, err := w.Remove(t.Context(), planned); !apierrors.IsForbidden(err) {
		t.Errorf("got %v", err)
	}
	if sent := w.Requests("delete"); slices.Contains(sent, "delete deployments") {
		t.Errorf("sent %q", sent)
	}
}

func TestUninstallKeepsTheCopyOfAnotherInstallation(t *testing.T) {
	w := installedWorld(t, secure)
	change(t, w, secrets, "d-client-tls", func(s *corev1.Secret) { s.Labels[kube.HomeLabel] = "elsewhere" })
	planned, err := w.PlanRemoval(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	if lines := removedAndKept(planned.Outcome()); !slices.Contains(lines, "= Secret d-client-tls: belongs to another installation of this name") {
		t.Errorf("got %q", lines)
	}
}

func TestUninstallKeepsUnreadableCopies(t *testing.T) {
	w := installedWorld(t, secureFor("jobs"))
	w.PrependReactor("get", "secrets", func(action ktesting.Action) (bool, runtime.Object, error) {
		if action.GetNamespace() != "jobs" {
			return false, nil, nil
		}
		return true, nil, apierrors.NewForbidden(secrets.GroupResource(), "d-client-tls", errors.New("no"))
	})
	planned, err := w.PlanRemoval(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	kept := planned.Outcome().Kept
	if !slices.ContainsFunc(kept, func(k UninstallObject) bool { return k.Kind == "Secret" && k.Namespace == "jobs" }) {
		t.Errorf("kept %+v", kept)
	}
}
