//go:build e2e

package e2e

import (
	"context"
	"testing"
)

// Layers are missing from the disk, as after a crash of the node: builds fail, status
// and verify name the damage with its remedy, and the remedy repairs it.
func TestDamagedCache(t *testing.T) {
	t.Parallel()
	for _, image := range env.images {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			i := install(t, image, "--storage-driver", "overlay2")
			i.buildsCold(t, "app")
			if s := statusOf(t, i); s.says("cache is damaged") {
				t.Errorf("before the damage: %+v", s.Problems)
			}
			inPod(t, i.pod(t), "sh", "-euc", "rm -r /var/lib/docker/image/overlay2/layerdb/sha256/*")
			i.reschedule(t)
			if r := i.job(t, build("app")); r.code == 0 {
				t.Fatalf("a build succeeded although its layers are missing:\n%s", r.log)
			}
			eventually(t, "status to name the damage", func(context.Context) (bool, error) {
				return statusOf(t, i).says("The build cache is damaged: builds fail, last at", "`dindctl prune-now --all`"), nil
			})
			contains(t, "warnings of verify", succeed(t, i.command("verify")...).stderr, "The build cache is damaged: builds fail, last at")
			succeed(t, i.command("prune-now", "--all")...)
			i.buildsCold(t, "app")
			i.buildsCached(t, "app", "after the repair")
			if s := statusOf(t, i); s.says("cache is damaged") {
				t.Errorf("after the repair: %+v", s.Problems)
			}
		})
	}
}
