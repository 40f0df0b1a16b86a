package dind

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// FileSystem is the file system that holds the data root.
type FileSystem struct {
	CapacityBytes, UsedBytes int64
	InodesUsedPercent        *float64 // nil without a fixed number of inodes
	ReadOnly                 bool
	LastImageGC              *ImageGC // nil if there was none
	LastPrune                *Gain    // nil if there was none, or its gain is unknown
	Limits                   Limits
	Stuck                    *Stuck // nil unless guard.sh cannot free enough
}

// Stuck is what guard.sh recorded when it could not free enough.
type Stuck struct {
	Since time.Time
	// VolumesBytes are those of Docker volumes, ForeignBytes those outside of the data
	// root.
	VolumesBytes, ForeignBytes int64
}

// Limits are what limits.sh, pools.sh and nest.sh set when the daemon's pod started. Zero is
// unknown.
type Limits struct {
	CacheBytes, ConfiguredCacheBytes int64
	// HighWater is a percentage.
	HighWater int64
	// OnNodeDisk is true if the data root is on the file system of the kubelet.
	OnNodeDisk bool
	// Networks is how many networks the address pools hold.
	Networks int64
	// Held reports whether the pod's limits include builds; nil is unknown.
	Held *bool
}

// Gain is what the file system gained during a prune, as guard.sh recorded it at its end.
type Gain struct {
	Time       time.Time
	FreedBytes int64
}

// ImageGC is the result of an image garbage collection by guard.sh.
type ImageGC struct {
	Time       time.Time `json:"time"`
	Images     int64     `json:"images"`
	FreedBytes int64     `json:"freedBytes"`
}

// readOnly is the line that FileSystemCommand prints for a read-only file system.
const readOnly = "read-only"

// FileSystemCommand returns a command for the daemon's container. It prints block
// size, blocks, free blocks, inodes and free inodes, in a format that both GNU and
// BusyBox stat support, then whether the file system is read-only, and the
// records that guard.sh, limits.sh, pools.sh and nest.sh wrote. Only a write shows whether
// it is read-only: root may write to every directory, by its permissions. Setting a time
// needs no space.
func FileSystemCommand() []string {
	return []string{"sh", "-c", `stat -f -c '%S %b %f %c %d' "$1" || exit
case $(touch -c "$1" 2>&1) in *[Rr]ead-only*) echo ` + readOnly + ` ;; esac
cat "$1/dindctl/image-gc" "$1/dindctl/prune" "$1/dindctl/stuck" /run/dindctl/limits 2>/dev/null || true`, "sh", DataRoot}
}

// ParseFileSystem parses the output of FileSystemCommand.
func ParseFileSystem(out string) (*FileSystem, error) {
	line, rest, _ := strings.Cut(strings.TrimSpace(out), "\n")
	n, err := numbers(strings.Fields(line))
	if err != nil || len(n) != 5 {
		return nil, fmt.Errorf("stat printed %q instead of five numbers", line)
	}
	found := &FileSystem{CapacityBytes: n[0] * n[1], UsedBytes: n[0] * (n[1] - n[2])}
	if n[3] > 0 {
		percent := 100 * float64(n[3]-n[4]) / float64(n[3])
		found.InodesUsedPercent = &percent
	}
	for line := range strings.Lines(rest) {
		line = strings.TrimSpace(line)
		found.ReadOnly = found.ReadOnly || line == readOnly
		// A record may be truncated if the disk was full.
		kind, fields, _ := strings.Cut(line, "|")
		n, err := numbers(strings.Split(fields, "|"))
		switch {
		case err == nil && kind == "R" && len(n) == 3:
			found.LastImageGC = &ImageGC{Time: time.Unix(n[0], 0).UTC(), Images: n[1], FreedBytes: n[2]}
		case err == nil && kind == "P" && len(n) == 2:
			found.LastPrune = &Gain{Time: time.Unix(n[0], 0).UTC(), FreedBytes: n[1]}
		case err == nil && kind == "S" && len(n) == 4:
			found.Stuck = &Stuck{Since: time.Unix(n[0], 0).UTC(), VolumesBytes: n[2], ForeignBytes: n[3]}
		case err == nil:
			found.Limits.record(kind, n)
		}
	}
	return found, nil
}

// UsesCommand returns a command for the daemon's container that prints the uses that
// guard.sh noted, for ParseUses: nothing in the first minute.
func UsesCommand() []string {
	return []string{"sh", "-c", `[ ! -e "$1" ] || cat "$1"`, "sh", DataRoot + "/dindctl/uses"}
}

// ParseUses returns the last use of each name in the output of UsesCommand: the IDs, tags
// and digests of images, volume/NAME and builder/NAME. It ignores broken lines.
func ParseUses(out string) map[string]time.Time {
	uses := map[string]time.Time{}
	for line := range strings.Lines(out) {
		kind, rest, _ := strings.Cut(strings.TrimSpace(line), "|")
		seconds, name, _ := strings.Cut(rest, "|")
		if n, err := strconv.ParseInt(seconds, 10, 64); err == nil && kind == "E" && n > 0 {
			if used := time.Unix(n, 0).UTC(); used.After(uses[name]) {
				uses[name] = used
			}
		}
	}
	return uses
}

// record sets what one record says.
func (l *Limits) record(kind string, n []int64) {
	switch {
	case kind == "C" && len(n) == 2:
		l.CacheBytes, l.ConfiguredCacheBytes = n[0], n[1]
	case kind == "H" && len(n) == 1:
		l.HighWater = n[0]
	case kind == "N":
		l.OnNodeDisk = true
	case kind == "A" && len(n) == 1:
		l.Networks = n[0]
	case kind == "G" && len(n) == 1:
		l.Held = new(n[0] == 1)
	}
}

func numbers(fields []string) ([]int64, error) {
	n := make([]int64, len(fields))
	for i, field := range fields {
		value, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return nil, err
		}
		n[i] = value
	}
	return n, nil
}
