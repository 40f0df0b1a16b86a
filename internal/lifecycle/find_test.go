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
	if diff := cmp.Diff(dind.AccessTo(options(nil)), got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	published := func(o *dind.Options) { o.PublishPorts = "20000-29999" }
	if got, err := installedWorld(t, published).Access(t.Context()); err != nil || !cmp.Equal(got, dind.AccessTo(options(published))) {
		t.Errorf("with published ports: %+v, %v", got, err)
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
