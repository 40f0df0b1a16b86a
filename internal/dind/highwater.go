package dind

import (
	"fmt"
	"strconv"
	"strings"
)

// NoHighWater is the --high-water that lets images fill the disk.
const NoHighWater = "none"

// The marks that may be asked for. Below the lowest hardly an image would stay,
// above the highest a build fills the disk between two looks.
const minHighWater, maxHighWater = 10, 98

func (o Options) checkHighWater(ps *Problems) {
	const option = "--high-water"
	if o.HighWater == NoHighWater {
		return
	}
	mark, err := strconv.ParseUint(strings.TrimSuffix(o.HighWater, "%"), 10, 32)
	switch {
	case err != nil || !strings.HasSuffix(o.HighWater, "%"):
		ps.add(option, o.HighWater, "is neither a whole number of percent nor none", "Give a share of the file system such as "+DefaultHighWater+", or none.")
		return
	case mark < minHighWater || mark > maxHighWater:
		ps.add(option, o.HighWater, fmt.Sprintf("must be between %d%% and %d%%", minHighWater, maxHighWater), "Give a share of the file system such as "+DefaultHighWater+", or none.")
		return
	}
	// A cache that may grow past the mark would cost every image.
	limit, err := ParseCacheLimit(o.CacheLimit)
	if err == nil && limit.Percent >= int64(mark) {
		ps.add(option, o.HighWater, "is not above --cache-limit "+o.CacheLimit+", so that the build cache alone could pass it",
			"Give a higher mark, a lower --cache-limit, or --high-water none.")
	}
}

// highWater is the mark as the guard's script takes it.
func (p plan) highWater() string { return strings.TrimSuffix(p.HighWater, "%") }
