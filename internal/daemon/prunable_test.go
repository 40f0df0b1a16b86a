package daemon

import (
	"slices"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func ago(hours int) time.Time { return noon.Add(-time.Duration(hours) * time.Hour) }

const day = 24 * time.Hour

// ids lists what goes, in the order in which it is shown.
func ids(c Contents) string {
	var all []string
	for _, one := range c.Containers {
		all = append(all, one.ID)
	}
	for _, one := range c.Networks {
		all = append(all, one.ID)
	}
	for _, one := range c.Images {
		all = append(all, one.ID)
	}
	for _, one := range c.BuildCache {
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
		BuildCache: []CacheRecord{
			{ID: "r-base", LastUsed: ago(90), SizeBytes: 40},
			{ID: "r-fresh", LastUsed: ago(1), SizeBytes: 10, Parents: []string{"r-base"}},
			{ID: "r-old-base", LastUsed: ago(50), SizeBytes: 30},
			{ID: "r-old", LastUsed: ago(40), SizeBytes: 20, Parents: []string{"r-old-base"}},
			{ID: "r-busy", LastUsed: ago(40), InUse: true, SizeBytes: 5},
			{ID: "r-never", SizeBytes: 1, Shared: true},
		},
	}
	for _, test := range []struct {
		name string
		rule PruneRule
		want string
	}{
		{"what is a day old", PruneRule{UnusedFor: day}, "c-old n-old i-older i-old r-never r-old r-old-base"},
		{"nothing is a week old", PruneRule{UnusedFor: 7 * day}, "r-never"},
		{"everything unused", PruneRule{}, "c-old c-fresh n-old n-fresh i-ageless i-base i-kept i-older i-old i-fresh r-never r-old r-fresh r-base r-old-base"},
		{"to the very second", PruneRule{UnusedFor: 48 * time.Hour}, "c-old i-older r-never"},
		{"a limit that is met", PruneRule{UnusedFor: 7 * day, KeepCacheBytes: 106}, ""},
		{"a limit that is just met", PruneRule{UnusedFor: 7 * day, KeepCacheBytes: 105}, "r-never"},
		{"a limit, whatever the age", PruneRule{UnusedFor: 7 * day, KeepCacheBytes: 100}, "r-never r-old"},
		{"a limit that takes nearly all", PruneRule{UnusedFor: 7 * day, KeepCacheBytes: 6}, "r-never r-old r-old-base r-fresh r-base"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := ids(contents.Prunable(test.rule, noon)); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// The builder goes by last use and by number of uses.
func TestLeastUseful(t *testing.T) {
	for _, test := range []struct {
		name    string
		records []CacheRecord
		want    string
	}{
		{"by last use", []CacheRecord{{ID: "b", LastUsed: ago(1), Uses: 1}, {ID: "z", LastUsed: ago(2), Uses: 1}}, "z"},
		{"by number of uses", []CacheRecord{{ID: "b", LastUsed: ago(1), Uses: 9}, {ID: "z", LastUsed: ago(1), Uses: 2}}, "z"},
		{"by both", []CacheRecord{
			{ID: "often", LastUsed: ago(9), Uses: 9}, {ID: "once", LastUsed: ago(8), Uses: 1}, {ID: "last", LastUsed: ago(1), Uses: 9},
		}, "once"},
		{"never used", []CacheRecord{{ID: "used", LastUsed: ago(9), Uses: 1}, {ID: "zero"}}, "zero"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for range 2 {
				if got := leastUseful(test.records).ID; got != test.want {
					t.Errorf("got %s, want %s", got, test.want)
				}
				slices.Reverse(test.records)
			}
		})
	}
}

func TestPassOnUse(t *testing.T) {
	images := []Image{
		{ID: "base", LastUsed: ago(90), layers: []string{"a"}},
		{ID: "middle", LastUsed: ago(50), layers: []string{"a", "b"}},
		{ID: "top", LastUsed: ago(1), layers: []string{"a", "b", "c"}},
		{ID: "other", LastUsed: ago(60), layers: []string{"b"}},
		{ID: "empty", LastUsed: ago(70)},
	}
	passOnUse(images)
	for _, image := range images {
		want := map[string]time.Time{"base": ago(1), "middle": ago(1), "top": ago(1), "other": ago(60), "empty": ago(70)}[image.ID]
		if !image.LastUsed.Equal(want) {
			t.Errorf("%s was used at %s, want %s", image.ID, image.LastUsed, want)
		}
	}
}
