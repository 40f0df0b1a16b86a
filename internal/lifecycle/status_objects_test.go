package lifecycle

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/dind"
)

func TestStatusOfStorage(t *testing.T) {
	t.Run("a local volume", func(t *testing.T) {
		w := installedWorld(t, local)
		change(t, w, claims, "d-data", func(c *corev1.PersistentVolumeClaim) { c.Status.Capacity = nil })
		w.withExec(t, clustertest.Prints(clustertest.StatOutput))
		status, err := w.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := []ObjectState{
			{"PersistentVolume", "ci-d-data", "", false, "/mnt/docker"},
			{"PersistentVolumeClaim", "d-data", "Bound", true, "dindctl-local"},
		}
		if diff := cmp.Diff(want, status.Objects[:2]); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("an existing claim", func(t *testing.T) {
		w := newWorld(t, oldClaim())
		w.install(t, options(func(o *dind.Options) { o.ExistingClaim = "old" }))
		w.withExec(t, clustertest.Prints(clustertest.StatOutput))
		status, err := w.Status(t.Context())
		if err != nil || !status.Healthy || status.Objects[0].Name != "old" {
			t.Fatalf("got %+v, %v", status, err)
		}
	})
}
