//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// With --keep-storage the build cache goes down to that size whatever its age,
// the least used first. No image is there: engines with containerd's store count
// as shared, and never prune, what was built on one that they have.
func TestPruneKeepsStorage(t *testing.T) {
	t.Parallel()
	for _, image := range env.images {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			i := install(t, image)
			// runs tells whether the build had to run its step.
			runs := func(name string) bool {
				t.Helper()
				out := i.job(t, fmt.Sprintf(`mkdir -p /tmp/context && cd /tmp/context
					printf 'FROM %s\nRUN echo ran-%s-step && head -c 30000000 /dev/urandom >/blob\n' >Dockerfile
					docker build --progress=plain --output type=cacheonly . 2>&1 | grep -v RUN; echo built`, baseImage, name)).want(t, "built")
				return strings.Contains(out.log, "ran-"+name+"-step")
			}
			for _, name := range []string{"older", "newer"} {
				equal(t, "the first build of "+name+" runs", runs(name), true)
			}
			equal(t, "the second build of newer runs", runs("newer"), false)
			r := succeed(t, i.command("prune-now", "--keep-storage", "40MB", "--when-idle", "-o", "json")...)
			if report := decode[pruned](t, r); report.ReclaimedBytes == nil || *report.ReclaimedBytes < 25e6 || report.After["buildCacheBytes"] > 40e6 {
				t.Errorf("report: %+v", report)
			}
			equal(t, "the newer build runs again", runs("newer"), false)
			equal(t, "the older build runs again", runs("older"), true)
		})
	}
}
