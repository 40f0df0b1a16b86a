package lifecycle

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVersions(t *testing.T) {
	t.Run("installed", func(t *testing.T) {
		got, err := installedWorld(t, nil).Versions(t.Context())
		if err != nil || got.Kubernetes != "v1.36.3" || got.Problem != "" {
			t.Fatalf("got %+v, %v", got, err)
		}
		if diff := cmp.Diff([]string{"29.7.2", "1.52", "1.40"}, []string{got.Daemon.Version, got.Daemon.APIVersion, got.Daemon.MinAPIVersion}); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("not installed", func(t *testing.T) {
		got, err := newWorld(t).Versions(t.Context())
		if err != nil || got.Kubernetes != "v1.36.3" || got.Daemon != nil || !strings.Contains(got.Problem, "is not installed in namespace ci") {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("no answer", func(t *testing.T) {
		w := installedWorld(t, nil)
		w.engine.InfoErr = errors.New("no route to host")
		got, err := w.Versions(t.Context())
		if err != nil || got.Kubernetes == "" || got.Daemon != nil || !strings.Contains(got.Problem, "no route to host") {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}
