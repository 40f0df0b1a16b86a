package lifecycle

import (
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

func TestUninstallPlanFails(t *testing.T) {
	var missing *NotInstalledError
	if _, err := newWorld(t).PlanRemoval(t.Context(), true); !errors.As(err, &missing) || missing.Claim != "" ||
		err.Error() != "d is not installed in namespace ci" {
		t.Errorf("got %v", err)
	}
	w := installedWorld(t, nil)
	refuse(w, "get", "deployments")
	if _, err := w.PlanRemoval(t.Context(), true); !apierrors.IsForbidden(err) {
		t.Errorf("got %v", err)
	}
}
