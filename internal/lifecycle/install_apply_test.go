package lifecycle

import (
	"slices"
	"testing"

	"github.com/dindctl/dindctl/internal/dind"
)

// Whether a class lets volumes grow is asked only about one that is to grow.
func TestClassesAreReadToGrow(t *testing.T) {
	for _, test := range []struct {
		size string
		want bool
	}{{"", false}, {"100Gi", false}, {"102400Mi", false}, {"200Gi", true}} {
		t.Run(test.size, func(t *testing.T) {
			w := installedWorld(t, nil)
			w.forget()
			// It is refused or not; that is another test's.
			_, _ = w.Install(t.Context(), options(func(o *dind.Options) { o.StorageSize = test.size }), InstallOptions{DryRun: true})
			if got := slices.Contains(w.Requests("list"), "list storageclasses"); got != test.want {
				t.Errorf("asked: %v, want %v: %q", got, test.want, w.Requests("list"))
			}
		})
	}
}
