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
}

// Limits are what limits.sh and pools.sh set when the daemon's pod started. Zero is
// unknown.
type Limits struct {
	CacheBytes, ConfiguredCacheBytes int64
	// HighWater is a percentage.
	HighWater int64
	// OnNodeDisk is true if the data root is on the file system of the kubelet.
	OnNodeDisk bool
	// Networks is how many networks the address pools hold.
	Networks int64
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
// records that guard.sh, limits.sh and pools.sh wrote. Only a write shows whether it is read-only: root may write to
// every directory, by its permissions. Setting a time needs no space.
func FileSystemCommand() []string {
	return []string{"sh", "-c", `stat -f -c '%S %b %f %c %d' "$1" || exit
case $(touch -c "$1" 2>&1) in *[Rr]ead-only*) echo ` + readOnly + ` ;; esac
cat "$1/dindctl/image-gc" "$1/dindctl/prune" /run/dindctl/limits 2>/dev/null || true`, "sh", DataRoot}
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
		case err == nil:
			found.Limits.record(kind, n)
		}
	}
	return found, nil
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
