package lifecycle

import (
	"slices"
	"testing"

	"github.com/dindctl/dindctl/internal/dind"
)

// StorageClasses are read only if the claim is to be expanded.
func TestInstallReadsStorageClassesOnlyForExpansion(t *testing.T) {
	for _, test := range []struct {
		size string
		want bool
	}{{"", false}, {"100Gi", false}, {"102400Mi", false}, {"200Gi", true}} {
		t.Run(test.size, func(t *testing.T) {
			w := installedWorld(t, nil)
			w.reset()
			// The result does not matter here.
			_, _ = w.Install(t.Context(), options(func(o *dind.Options) { o.StorageSize = test.size }), InstallOptions{DryRun: true})
			if got := slices.Contains(w.Requests("list"), "list storageclasses"); got != test.want {
				t.Errorf("listed storage classes: %v, want %v: %q", got, test.want, w.Requests("list"))
			}
		})
	}
}
