package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/dindctl/dindctl/internal/daemon"
)

func TestPruneDryRun(t *testing.T) {
	hour := func(w *world, n int) time.Time { return w.now().Add(-time.Duration(n) * time.Hour) }
	tests := []struct {
		name, args string
		contents   func(*world) daemon.Contents
		stdout     string
	}{
		{"nothing", "prune-now --dry-run", func(*world) daemon.Contents { return daemon.Contents{} },
			"Nothing to remove: everything is in use or was used less than 7d ago.\n"},
		{"nothing with --all", "prune-now --dry-run --all", func(*world) daemon.Contents { return daemon.Contents{} },
			"Nothing to remove: everything is in use.\n"},
		{"nothing above the limits", "prune-now --dry-run --unused-for 90m --keep-storage 1Gi", func(*world) daemon.Contents { return daemon.Contents{} },
			"Nothing to remove: everything is in use or was used less than 90m ago, and the build cache is smaller than 1 GiB.\n"},
		{"some", "prune-now --dry-run --unused-for 2h", func(w *world) daemon.Contents {
			return daemon.Contents{
				Containers: []daemon.Container{{ID: "c", Name: "done", Created: hour(w, 3), SizeBytes: 2048}},
				Images: []daemon.Image{
					{ID: "i", Tags: []string{"app:1", "app:2", strings.Repeat("x", 99)}, LastUsed: hour(w, 3), SizeBytes: 1 << 30},
					{ID: "sha256:0123456789abcdef", LastUsed: hour(w, 4), SizeBytes: 1 << 30}, {ID: "fresh", LastUsed: hour(w, 1)},
				},
				BuildCache: []daemon.CacheRecord{{ID: "r", SizeBytes: 34 << 30}, {ID: "s", LastUsed: hour(w, 1), SizeBytes: 20 << 30}},
			}
		}, "" +
			"TYPE          NAME                                                           SIZE              LAST USED\n" +
			"container     done                                                           2 KiB             created 3h ago\n" +
			"image         untagged sha256:0123456789ab                                   1 GiB             4h ago\n" +
			"image         app:1, app:2, xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…   1 GiB             3h ago\n" +
			"build cache                                                                  54 GiB → 20 GiB\n" +
			"Would remove 1 container (2 KiB), 2 images (2 GiB), 34 GiB of build cache.\n" +
			"Layers shared by images and build cache are freed with the last of them.\n"},
		{"build cache above its limit", "prune-now --dry-run --keep-storage 20Gi", func(w *world) daemon.Contents {
			return daemon.Contents{BuildCache: []daemon.CacheRecord{{ID: "r", LastUsed: hour(w, 1), SizeBytes: 54 << 30}}}
		}, "" +
			"TYPE          NAME   SIZE              LAST USED\n" +
			"build cache          54 GiB → 20 GiB\n" +
			"Would remove 34 GiB of build cache.\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := installedWorld(t)
			w.engine.Held = test.contents(w)
			code, stdout, _ := w.run(t, strings.Fields(test.args)...)
			if code != 0 || stdout != test.stdout {
				t.Errorf("got %d\n%s\nwant\n%s", code, stdout, test.stdout)
			}
		})
	}
}

// All problems are reported at once, and no request is sent.
func TestPruneUsage(t *testing.T) {
	w := installedWorld(t)
	w.ClearActions()
	code, stdout, stderr := w.run(t, "prune-now", "--all", "--unused-for", "soon", "--keep-storage", "75%", "-o", "text")
	for _, want := range []string{`--unused-for "soon": is not a duration`, `has no effect with --all`, `--keep-storage "75%": is not a size`} {
		if !strings.Contains(stderr, want) {
			t.Errorf("stderr does not contain %s:\n%s", want, stderr)
		}
	}
	if code != exitUsage || stdout != "" || len(w.Actions()) > 0 {
		t.Errorf("got %d, %q, %d requests", code, stdout, len(w.Actions()))
	}
}
