package daemon

import (
	"slices"
	"time"
)

// PruneRule defines what a prune removes.
type PruneRule struct {
	// UnusedFor is the minimum time since the last use. 0 removes everything that
	// is not in use.
	UnusedFor time.Duration
	// KeepCacheBytes, if not 0, keeps this much of the build cache, most recently
	// used first, regardless of UnusedFor.
	KeepCacheBytes int64
	// LeavesCache leaves the build cache to the builder's own garbage collection.
	LeavesCache bool
	// MaxContainerAge, if not 0, also removes running containers that were created
	// longer ago.
	MaxContainerAge time.Duration
}

// old reports whether an object with this last use is old enough to be removed.
func (r PruneRule) old(lastUsed, now time.Time) bool {
	return r.UnusedFor == 0 || !lastUsed.After(now.Add(-r.UnusedFor))
}

// removes reports whether a prune removes a container.
func (r PruneRule) removes(c Container, now time.Time) bool {
	switch {
	case c.Keep || c.Busy:
		return false
	case c.Running && !c.Builder:
		return r.MaxContainerAge > 0 && !c.Created.After(now.Add(-r.MaxContainerAge))
	}
	return r.old(c.Created, now) && r.old(c.LastUsed, now)
}

// Note adds the uses that the daemon does not report, by name: of images by ID, tag or
// digest, of volumes as volume/NAME, of builders as builder/NAME.
func (c *Contents) Note(uses map[string]time.Time) {
	noted := func(last *time.Time, names ...string) {
		for _, name := range names {
			if used := uses[name]; used.After(*last) {
				*last = used
			}
		}
	}
	for n := range c.Images {
		one := &c.Images[n]
		noted(&one.LastUsed, slices.Concat([]string{one.ID}, one.Tags, one.digests)...)
	}
	propagateLastUsed(c.Images)
	for n := range c.Volumes {
		one := &c.Volumes[n]
		if builder := builderOf(one.Name); builder != "" {
			noted(&one.LastUsed, "builder/"+builder)
		} else {
			noted(&one.LastUsed, "volume/"+one.Name)
		}
	}
	for n := range c.Containers {
		if one := &c.Containers[n]; one.Builder {
			noted(&one.LastUsed, "builder/"+one.Name)
		}
	}
}

// Prunable returns the containers, networks, volumes and images that a prune with the
// rule removes, least recently used first. For the build cache see CacheSizes. It
// applies the same conditions as the engine's prune filters and, where the engine
// has no suitable filter, as the prune script.
func (c Contents) Prunable(rule PruneRule, now time.Time) Contents {
	var pruned Contents
	old := func(t time.Time) bool { return rule.old(t, now) }
	usedIDs := map[string]bool{} // images of the remaining containers
	mounted, orphaned := map[string]bool{}, map[string]bool{}
	var used []Image
	for _, container := range c.Containers {
		gone := rule.removes(container, now)
		if gone {
			pruned.Containers = append(pruned.Containers, container)
		} else {
			usedIDs[container.ImageID] = true
		}
		for _, volume := range container.Volumes {
			mounted[volume] = mounted[volume] || !gone
			// Those of containers that it has to end go with them.
			orphaned[volume] = orphaned[volume] || gone && (container.Running || container.Builder)
		}
	}
	for _, volume := range c.Volumes {
		if !mounted[volume.Name] && (orphaned[volume.Name] || old(volume.LastUsed)) {
			pruned.Volumes = append(pruned.Volumes, volume)
		}
	}
	for _, network := range c.Networks {
		if old(network.Created) {
			pruned.Networks = append(pruned.Networks, network)
		}
	}
	for _, image := range c.Images {
		if usedIDs[image.ID] {
			used = append(used, image)
		}
	}
	for _, image := range c.Images {
		if !usedIDs[image.ID] && isPrunable(image, used, rule, old) {
			pruned.Images = append(pruned.Images, image)
		}
	}
	oldestFirst(pruned.Containers, func(c Container) (time.Time, string) { return c.Created, c.ID })
	oldestFirst(pruned.Networks, func(n Network) (time.Time, string) { return n.Created, n.ID })
	oldestFirst(pruned.Volumes, func(v Volume) (time.Time, string) { return v.LastUsed, v.Name })
	oldestFirst(pruned.Images, func(i Image) (time.Time, string) { return i.LastUsed, i.ID })
	return pruned
}

// isPrunable reports whether an image without a container is removed. Unless
// UnusedFor is 0, images of unknown age and bases of used images are kept.
func isPrunable(image Image, used []Image, rule PruneRule, old func(time.Time) bool) bool {
	if rule.UnusedFor == 0 {
		return true
	}
	isBase := slices.ContainsFunc(used, func(of Image) bool {
		return len(image.layers) > 0 && hasPrefix(of.layers, image.layers)
	})
	return !isBase && !image.LastUsed.IsZero() && old(image.LastUsed)
}

// CacheSizes returns the size of the build cache before and after a prune with
// the rule, counted as in DiskUsage. KeepCacheBytes applies to the records that
// no image shares.
func (c Contents) CacheSizes(rule PruneRule, now time.Time) (before, after int64) {
	for _, record := range c.BuildCache {
		before += record.SizeBytes
	}
	if rule.LeavesCache {
		return before, before
	}
	if rule.KeepCacheBytes == 0 {
		for _, record := range kept(c.BuildCache, func(r CacheRecord) bool { return !rule.old(r.LastUsed, now) }) {
			after += record.SizeBytes
		}
		return before, after
	}
	inUse := kept(c.BuildCache, func(CacheRecord) bool { return false })
	limit := max(rule.KeepCacheBytes, unshared(inUse))
	return before, before - max(0, unshared(c.BuildCache)-limit)
}

// kept returns the records that are in use or wanted, and all their ancestors.
func kept(records []CacheRecord, wanted func(CacheRecord) bool) []CacheRecord {
	remaining := map[string]CacheRecord{}
	for _, record := range records {
		remaining[record.ID] = record
	}
	var result []CacheRecord
	var keep func(id string)
	keep = func(id string) {
		if record, found := remaining[id]; found {
			delete(remaining, id)
			result = append(result, record)
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
	return result
}

// unshared returns the size of the records that no image shares.
func unshared(records []CacheRecord) (bytes int64) {
	for _, record := range records {
		if !record.Shared {
			bytes += record.SizeBytes
		}
	}
	return bytes
}
