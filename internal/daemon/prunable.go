package daemon

import (
	"slices"
	"time"
)

// PruneRule says what a clean-up removes.
type PruneRule struct {
	// UnusedFor is for how long it must not have been used; 0 is everything
	// that is not in use.
	UnusedFor time.Duration
	// KeepCacheBytes, if not 0, keeps that much of the build cache, the last
	// used first, whatever its age.
	KeepCacheBytes int64
}

// old reports whether something last used then is old enough to be removed.
func (r PruneRule) old(lastUsed, now time.Time) bool {
	return r.UnusedFor == 0 || !lastUsed.After(now.Add(-r.UnusedFor))
}

// Prunable returns the containers, networks and images that a prune by the rule
// removes, least recently used first. CacheSizes says what it leaves of the
// build cache. It decides as the engine does where that has a
// filter, and as the clean-up's script where the engine has none that will do.
func (c Contents) Prunable(rule PruneRule, now time.Time) Contents {
	var gone Contents
	old := func(t time.Time) bool { return rule.old(t, now) }
	busy := map[string]bool{} // images of containers that stay
	var used []Image
	for _, container := range c.Containers {
		if !container.Running && old(container.Created) {
			gone.Containers = append(gone.Containers, container)
		} else {
			busy[container.ImageID] = true
		}
	}
	for _, network := range c.Networks {
		if old(network.Created) {
			gone.Networks = append(gone.Networks, network)
		}
	}
	for _, image := range c.Images {
		if busy[image.ID] {
			used = append(used, image)
		}
	}
	for _, image := range c.Images {
		if !busy[image.ID] && goesByAge(image, used, rule, old) {
			gone.Images = append(gone.Images, image)
		}
	}
	oldestFirst(gone.Containers, func(c Container) (time.Time, string) { return c.Created, c.ID })
	oldestFirst(gone.Networks, func(n Network) (time.Time, string) { return n.Created, n.ID })
	oldestFirst(gone.Images, func(i Image) (time.Time, string) { return i.LastUsed, i.ID })
	return gone
}

// goesByAge tells whether an image that no container has is removed. One that
// nobody can tell the age of, and the base of one that is in use, stay, but for
// a clean-up that asks for no age.
func goesByAge(image Image, used []Image, rule PruneRule, old func(time.Time) bool) bool {
	if rule.UnusedFor == 0 {
		return true
	}
	isBase := slices.ContainsFunc(used, func(of Image) bool {
		return len(image.layers) > 0 && hasPrefix(of.layers, image.layers)
	})
	return !isBase && !image.LastUsed.IsZero() && old(image.LastUsed)
}

// CacheSizes returns the size of the build cache now and after a prune by the
// rule. Both count as DiskUsage does. A limit on the cache applies to what no
// image shares.
func (c Contents) CacheSizes(rule PruneRule, now time.Time) (before, after int64) {
	for _, record := range c.BuildCache {
		before += record.SizeBytes
	}
	if rule.KeepCacheBytes == 0 {
		for _, record := range staying(c.BuildCache, func(r CacheRecord) bool { return !rule.old(r.LastUsed, now) }) {
			after += record.SizeBytes
		}
		return before, after
	}
	nothing := func(CacheRecord) bool { return false }
	least := max(rule.KeepCacheBytes, unshared(staying(c.BuildCache, nothing)))
	return before, before - max(0, unshared(c.BuildCache)-least)
}

// staying returns the records that are in use or wanted, with all that they are
// built on.
func staying(records []CacheRecord, wanted func(CacheRecord) bool) []CacheRecord {
	left := map[string]CacheRecord{}
	for _, record := range records {
		left[record.ID] = record
	}
	var kept []CacheRecord
	var keep func(id string)
	keep = func(id string) {
		if record, found := left[id]; found {
			delete(left, id)
			kept = append(kept, record)
			for _, parent := range record.Parents {
				keep(parent)
			}
		}
	}
	for _, record := range records {
		if record.InUse || wanted(record) {
			keep(record.ID)
		}
	}
	return kept
}

func unshared(records []CacheRecord) (bytes int64) {
	for _, record := range records {
		if !record.Shared {
			bytes += record.SizeBytes
		}
	}
	return bytes
}
