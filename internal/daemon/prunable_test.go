package daemon

import (
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func ago(hours int) time.Time { return noon.Add(-time.Duration(hours) * time.Hour) }

const day = 24 * time.Hour

// ids returns the IDs of the contents in order.
func ids(c Contents) string {
	var all []string
	for _, one := range c.Containers {
		all = append(all, one.ID)
	}
	for _, one := range c.Networks {
		all = append(all, one.ID)
	}
	for _, one := range c.Volumes {
		all = append(all, one.Name)
	}
	for _, one := range c.Images {
		all = append(all, one.ID)
	}
	return strings.Join(all, " ")
}

func TestPrunable(t *testing.T) {
	contents := Contents{
		Containers: []Container{
			{ID: "c-runs", Running: true, ImageID: "i-runs", Created: ago(100)},
			{ID: "c-fresh", ImageID: "i-kept", Created: ago(1)},
			{ID: "c-old", ImageID: "i-old", Created: ago(48)},
		},
		Networks: []Network{{ID: "n-fresh", Created: ago(1)}, {ID: "n-old", Created: ago(30)}},
		Images: []Image{
			{ID: "i-base", LastUsed: ago(90), layers: []string{"a"}},
			{ID: "i-runs", LastUsed: ago(90), layers: []string{"a", "b"}},
			{ID: "i-kept", LastUsed: ago(90), layers: []string{"k"}},
			{ID: "i-old", LastUsed: ago(25), layers: []string{"o"}},
			{ID: "i-older", LastUsed: ago(90), layers: []string{"ab"}},
			{ID: "i-fresh", LastUsed: ago(23), layers: []string{"f"}},
			{ID: "i-ageless", layers: []string{"u"}},
		},
	}
	for _, test := range []struct {
		name string
		rule PruneRule
		want string
	}{
		{"unused for a day", PruneRule{UnusedFor: day}, "c-old n-old i-older i-old"},
		{"unused for a week", PruneRule{UnusedFor: 7 * day}, ""},
		{"everything unused", PruneRule{}, "c-old c-fresh n-old n-fresh i-ageless i-base i-kept i-older i-old i-fresh"},
		{"unused for exactly 48 hours", PruneRule{UnusedFor: 48 * time.Hour}, "c-old i-older"},
		{"build cache limit has no effect", PruneRule{UnusedFor: day, KeepCacheBytes: 1}, "c-old n-old i-older i-old"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := ids(contents.Prunable(test.rule, noon)); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestCacheSizes(t *testing.T) {
	contents := Contents{BuildCache: []CacheRecord{
		{ID: "base", LastUsed: ago(90), SizeBytes: 40},
		{ID: "fresh", LastUsed: ago(1), SizeBytes: 10, Parents: []string{"base", "unknown"}},
		{ID: "old-base", LastUsed: ago(50), SizeBytes: 30},
		{ID: "old", LastUsed: ago(40), SizeBytes: 20, Parents: []string{"old-base"}},
		{ID: "busy-base", LastUsed: ago(90), SizeBytes: 3},
		{ID: "busy", LastUsed: ago(40), InUse: true, SizeBytes: 2, Parents: []string{"busy-base"}},
		{ID: "never", SizeBytes: 1000, Shared: true},
	}}
	for _, test := range []struct {
		name  string
		rule  PruneRule
		after int64
	}{
		{"unused for a day", PruneRule{UnusedFor: day}, 40 + 10 + 3 + 2},
		{"unused for exactly 40 hours", PruneRule{UnusedFor: 40 * time.Hour}, 40 + 10 + 3 + 2},
		{"parent of a younger record", PruneRule{UnusedFor: 49 * time.Hour}, 105},
		{"unused for a week", PruneRule{UnusedFor: 7 * day}, 105},
		{"everything unused", PruneRule{}, 3 + 2},
		{"left to the builder", PruneRule{UnusedFor: day, LeavesCache: true}, 1105},
		{"below the limit", PruneRule{UnusedFor: day, KeepCacheBytes: 105}, 1105},
		{"limit, regardless of age", PruneRule{UnusedFor: 7 * day, KeepCacheBytes: 20}, 1020},
		{"limit below the size in use", PruneRule{KeepCacheBytes: 1}, 1005},
	} {
		t.Run(test.name, func(t *testing.T) {
			if before, after := contents.CacheSizes(test.rule, noon); before != 1105 || after != test.after {
				t.Errorf("got %d and %d, want 1105 and %d", before, after, test.after)
			}
		})
	}
}

func TestPropagateLastUsed(t *testing.T) {
	images := []Image{
		{ID: "base", LastUsed: ago(90), layers: []string{"a"}},
		{ID: "middle", LastUsed: ago(50), layers: []string{"a", "b"}},
		{ID: "top", LastUsed: ago(1), layers: []string{"a", "b", "c"}},
		{ID: "other", LastUsed: ago(60), layers: []string{"b"}},
		{ID: "empty", LastUsed: ago(70)},
	}
	propagateLastUsed(images)
	for _, image := range images {
		want := map[string]time.Time{"base": ago(1), "middle": ago(1), "top": ago(1), "other": ago(60), "empty": ago(70)}[image.ID]
		if !image.LastUsed.Equal(want) {
			t.Errorf("%s: LastUsed is %s, want %s", image.ID, image.LastUsed, want)
		}
	}
}

// What jobs leave behind goes by its last use, as in the prune script.
func TestPrunableLeftovers(t *testing.T) {
	contents := Contents{
		Containers: []Container{
			{ID: "c-ended", Created: ago(90), LastUsed: ago(1)},
			{ID: "c-kept", Created: ago(90), Keep: true},
			{ID: "c-done", Created: ago(90), LastUsed: ago(48), Volumes: []string{"v-of-done", "v-young"}},
			{ID: "c-left", Running: true, Created: ago(90), Volumes: []string{"v-of-left"}},
			{ID: "c-left-kept", Running: true, Created: ago(90), Keep: true},
			{ID: "b-old", Name: "buildx_buildkit_old", Running: true, Builder: true, Created: ago(90), Volumes: []string{"buildx_buildkit_old_state"}},
			{ID: "b-used", Name: "buildx_buildkit_used", Running: true, Builder: true, Created: ago(90)},
			{ID: "b-busy", Name: "buildx_buildkit_busy", Running: true, Builder: true, Busy: true, Created: ago(90)},
		},
		Volumes: []Volume{
			{Name: "v-of-done", LastUsed: ago(80)}, {Name: "v-young", LastUsed: ago(2)}, {Name: "v-of-left", LastUsed: ago(2)}, {Name: "v-used", LastUsed: ago(80)},
			{Name: "buildx_buildkit_old_state", LastUsed: ago(1)}, {Name: "buildx_buildkit_gone_state", LastUsed: ago(70)}, {Name: "buildx_buildkit_used_state", LastUsed: ago(80)},
		},
		Images: []Image{
			{ID: "i-pulled", LastUsed: ago(900), digests: []string{"r/x@sha256:d"}, layers: []string{"x"}},
			{ID: "i-base", LastUsed: ago(900), layers: []string{"b"}}, {ID: "i-pushed", Tags: []string{"r/y:1"}, LastUsed: ago(90), layers: []string{"b", "y"}},
			{ID: "i-old", LastUsed: ago(90)},
		},
	}
	contents.Note(map[string]time.Time{
		"r/x@sha256:d": ago(1), "r/y:1": ago(2), "i-old": ago(80), "volume/v-used": ago(1), "builder/buildx_buildkit_used": ago(1),
	})
	for _, test := range []struct {
		name string
		rule PruneRule
		want string
	}{
		{"unused for a day", PruneRule{UnusedFor: day}, "b-old c-done v-of-done buildx_buildkit_gone_state buildx_buildkit_old_state i-old"},
		{"running for a day", PruneRule{UnusedFor: 7 * day, MaxContainerAge: day}, "c-left v-of-left"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := ids(contents.Prunable(test.rule, noon)); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}
