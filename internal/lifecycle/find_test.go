package lifecycle

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dindctl/dindctl/internal/dind"
)

func TestAccess(t *testing.T) {
	w := installedWorld(t, nil)
	got, err := w.Access(t.Context())
	if diff := cmp.Diff(dind.AccessTo("ci", "d", false), got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if err := w.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("services"), "ci", "d"); err != nil {
		t.Fatal(err)
	}
	var missing *NotInstalledError
	if _, err := w.Access(t.Context()); !errors.As(err, &missing) || missing.Claim != "d-data" {
		t.Errorf("got %v", err)
	}
	refuse(w, "get", "services")
	if _, err := w.Access(t.Context()); !apierrors.IsForbidden(err) {
		t.Errorf("got %v", err)
	}
}
