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
	LastImageGC              *ImageGC // nil if there was none
}

// ImageGC is the result of an image garbage collection by guard.sh.
type ImageGC struct {
	Time       time.Time `json:"time"`
	Images     int64     `json:"images"`
	FreedBytes int64     `json:"freedBytes"`
}

// FileSystemCommand returns a command for the daemon's container. It prints block
// size, blocks, free blocks, inodes and free inodes, in a format that both GNU and
// BusyBox stat support, and the record that guard.sh wrote.
func FileSystemCommand() []string {
	return []string{"sh", "-c", `stat -f -c '%S %b %f %c %d' "$1" || exit
cat "$1/dindctl/image-gc" 2>/dev/null || true`, "sh", DataRoot}
}

// ParseFileSystem parses the output of FileSystemCommand.
func ParseFileSystem(out string) (*FileSystem, error) {
	line, record, _ := strings.Cut(strings.TrimSpace(out), "\n")
	n, err := numbers(strings.Fields(line))
	if err != nil || len(n) != 5 {
		return nil, fmt.Errorf("stat printed %q instead of five numbers", line)
	}
	found := &FileSystem{CapacityBytes: n[0] * n[1], UsedBytes: n[0] * (n[1] - n[2])}
	if n[3] > 0 {
		percent := 100 * float64(n[3]-n[4]) / float64(n[3])
		found.InodesUsedPercent = &percent
	}
	// The record may be truncated if the disk was full.
	kind, rest, _ := strings.Cut(strings.TrimSpace(record), "|")
	if n, err := numbers(strings.Split(rest, "|")); err == nil && kind == "R" && len(n) == 3 {
		found.LastImageGC = &ImageGC{Time: time.Unix(n[0], 0).UTC(), Images: n[1], FreedBytes: n[2]}
	}
	return found, nil
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
