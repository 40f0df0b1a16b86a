package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/lifecycle"
)

// The last prune is never shown in the future, even if this machine's clock is
// wrong.
func TestPruneLinesWithClockSkew(t *testing.T) {
	run := noon.Add(-30 * time.Minute)
	for _, test := range []struct {
		name string
		skew time.Duration
		want string
	}{
		{"no skew", 0, "last 30m ago"},
		{"an hour ahead", time.Hour, "last 90m ago"},
		{"an hour behind", -time.Hour, "last Sat 21 Nov 11:30 UTC (the cluster's clock is ahead of this machine's)"},
		{"a little behind", -30*time.Minute - 5*time.Second, "last just now"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := pruneLines(&lifecycle.Prune{Schedule: "0 0 * * 0", LastRun: &run}, noon.Add(test.skew))
			if diff := cmp.Diff(test.want, got[0]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDiskLines(t *testing.T) {
	for _, test := range []struct {
		name string
		disk lifecycle.Disk
		want string
	}{
		{"image GC", lifecycle.Disk{LastImageGC: &dind.ImageGC{Time: noon.Add(-5 * time.Hour), Images: 3, FreedBytes: 1 << 30}},
			"image GC 5h ago: removed 3 images, freed 1 GiB"},
		{"the limit of the cache, on the node's disk", lifecycle.Disk{
			CapacityBytes: new(int64(4 << 30)), UsedBytes: new(int64(1 << 30)), BuildCacheBytes: new(int64(1 << 30)),
			CacheLimitBytes: new(int64(3 << 30)), OnNodeDisk: new(true),
		}, "██████░░░░░░░░░░░░░░░░░░ 25%  1 GiB of 4 GiB, on the node's own disk\nbuild cache 1 GiB · cache limit 3 GiB"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := strings.Join(diskLines(&test.disk, noon), "\n"); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
