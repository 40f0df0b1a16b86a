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

// Prunable gives the part of the contents that a clean-up removes by the rule,
// least recently used first. It decides as the engine does where that has a
// filter, and as the clean-up's script where the engine has none that will do.
func (c Contents) Prunable(rule PruneRule, now time.Time) Contents {
	var gone Contents
	old := func(t time.Time) bool { return rule.UnusedFor == 0 || !t.After(now.Add(-rule.UnusedFor)) }
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
	if rule.KeepCacheBytes > 0 {
		gone.BuildCache = beyond(c.BuildCache, rule.KeepCacheBytes)
	} else {
		gone.BuildCache = unusedRecords(c.BuildCache, old)
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

// unusedRecords are the records that the builder removes by age: one that
// another is built on can only go after that.
func unusedRecords(records []CacheRecord, old func(time.Time) bool) []CacheRecord {
	var gone []CacheRecord
	left := newRecords(records)
	for {
		leaves := left.leaves(func(r CacheRecord) bool { return r.LastUsed.IsZero() || old(r.LastUsed) })
		if len(leaves) == 0 {
			return gone
		}
		oldestFirst(leaves, func(r CacheRecord) (time.Time, string) { return r.LastUsed, r.ID })
		gone = append(gone, leaves...)
		for _, record := range leaves {
			left.remove(record)
		}
	}
}

// beyond are the records that the builder removes, one after the other, until
// no more than so much is left. As the builder does, it counts what no image
// shares.
func beyond(records []CacheRecord, keep int64) []CacheRecord {
	var total int64
	for _, record := range records {
		if !record.Shared {
			total += record.SizeBytes
		}
	}
	var gone []CacheRecord
	left := newRecords(records)
	for total >= keep {
		leaves := left.leaves(func(CacheRecord) bool { return true })
		if len(leaves) == 0 {
			break
		}
		next := leastUseful(leaves)
		gone = append(gone, next)
		left.remove(next)
		total -= next.SizeBytes
	}
	return gone
}
