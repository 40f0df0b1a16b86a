package lifecycle

import (
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/dindctl/dindctl/internal/dind"
)

// Before a policy shuts somebody out, install says whom.
func TestShutOut(t *testing.T) {
	allowed := func(o *dind.Options) { o.AllowNamespaces = []string{"build", "test"} }
	dryRun := func(t *testing.T, w *world, o dind.Options) []string {
		t.Helper()
		w.reset()
		if _, err := w.Install(t.Context(), o, InstallOptions{SkipPreflight: true, DryRun: true}); err != nil {
			t.Fatal(err)
		}
		return w.messages()
	}
	w := installedWorld(t, allowed)
	messages := dryRun(t, w, options(func(o *dind.Options) { o.AllowNamespaces = []string{"test"} }))
	if !slices.Contains(messages, "warning: jobs in namespace build would lose access to the daemon") {
		t.Errorf("messages %q", messages)
	}
	for name, o := range map[string]dind.Options{
		"the same":  options(allowed),
		"no policy": options(func(o *dind.Options) { o.NoNetworkPolicy = true }),
	} {
		for _, message := range dryRun(t, w, o) {
			if len(message) > 20 && slices.Contains([]string{"warning: jobs in nam", "warning: there is no"}, message[:20]) {
				t.Errorf("%s: %s", name, message)
			}
		}
	}
	if err := w.Tracker().Delete(networkingv1.SchemeGroupVersion.WithResource("networkpolicies"), "ci", "d"); err != nil {
		t.Fatal(err)
	}
	messages = dryRun(t, w, options(allowed))
	if !slices.Contains(messages, "warning: there is no NetworkPolicy yet: with it, jobs in all namespaces but ci, build, test would lose access") {
		t.Errorf("messages %q", messages)
	}
}
