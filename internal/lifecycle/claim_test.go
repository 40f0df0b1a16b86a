package lifecycle

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/dindctl/dindctl/internal/dind"
)

// Only an uninstall with --delete-data changes or deletes an existing claim.
func TestOtherCommandsKeepTheClaim(t *testing.T) {
	bare := func(o *dind.Options) { o.PruneSchedule, o.NoNetworkPolicy = "none", true }
	tests := map[string]func(*world) error{
		"install again": func(w *world) error {
			w.install(t, options(bare))
			return nil
		},
		"status":            func(w *world) error { _, err := w.Status(t.Context()); return err },
		"variables":         func(w *world) error { _, err := w.Access(t.Context()); return err },
		"plan of uninstall": func(w *world) error { _, err := w.PlanRemoval(t.Context(), true); return err },
		"uninstall": func(w *world) error {
			planned, err := w.PlanRemoval(t.Context(), false)
			if err != nil {
				return err
			}
			_, err = w.Remove(t.Context(), planned)
			return err
		},
	}
	for name, act := range tests {
		t.Run(name, func(t *testing.T) {
			w := installedWorld(t, nil)
			change(t, w, deployments, "d", func(d *appsv1.Deployment) {
				if name == "status" {
					d.Status.AvailableReplicas = 0 // status would exec in a ready pod
				}
			})
			if err := act(w); err != nil {
				t.Fatal(err)
			}
			for _, request := range w.Writes() {
				if strings.HasSuffix(request, " persistentvolumeclaims") {
					t.Errorf("sent %q", request)
				}
			}
		})
	}
}
