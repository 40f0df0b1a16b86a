package lifecycle

import (
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ktesting "k8s.io/client-go/testing"
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

// Only a user who may not read the local volume cannot have created it: after any other
// error the volume may exist, and a plan without it would leave it behind.
func TestUninstallPlanNeedsTheLocalVolume(t *testing.T) {
	for _, test := range []struct {
		name  string
		err   error
		fails bool
	}{
		{"forbidden", apierrors.NewForbidden(schema.GroupResource{Resource: "persistentvolumes"}, "ci-d-data", errors.New("no")), false},
		{"unreadable", apierrors.NewBadRequest("broken"), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := installedWorld(t, nil)
			if err := w.Tracker().Delete(claims, "ci", "d-data"); err != nil {
				t.Fatal(err)
			}
			w.PrependReactor("get", "persistentvolumes", func(ktesting.Action) (bool, runtime.Object, error) { return true, nil, test.err })
			if _, err := w.PlanRemoval(t.Context(), true); (err != nil) != test.fails || test.fails && !errors.Is(err, test.err) {
				t.Errorf("got %v", err)
			}
		})
	}
}
