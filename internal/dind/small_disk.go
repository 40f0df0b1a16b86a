package dind

import (
	"regexp"
	"strconv"
)

// SmallDisk is a file system that is too small for the limit of the build cache that the
// claim allows, in bytes. The zero value is a disk that is large enough.
type SmallDisk struct {
	FileSystemBytes                  int64
	CacheBytes, ConfiguredCacheBytes int64
}

// Matters reports whether the limit is smaller by more than the few percent that a file
// system takes of its volume.
func (s SmallDisk) Matters() bool { return s.CacheBytes*10 < s.ConfiguredCacheBytes*9 }

// smallDisk matches what limits.sh logs.
var smallDisk = regexp.MustCompile(`dindctl: the build cache may use (\d+) bytes and not (\d+): the file system of the data root has (\d+)`)

// NotHeld is what nest.sh logs if the pod's limits do not include builds.
const NotHeld = "dindctl: the pod's limits do not include builds"

// FindSmallDisk returns what limits.sh wrote to the daemon's log.
func FindSmallDisk(log string) SmallDisk {
	match := smallDisk.FindStringSubmatch(log)
	if match == nil {
		return SmallDisk{}
	}
	var n [3]int64
	for i := range n {
		n[i], _ = strconv.ParseInt(match[i+1], 10, 64) // digits; the largest number if there are too many
	}
	return SmallDisk{CacheBytes: n[0], ConfiguredCacheBytes: n[1], FileSystemBytes: n[2]}
}
