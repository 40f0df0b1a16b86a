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
	// InodesUsedPercent is nil where the file system has no fixed number of them.
	InodesUsedPercent *float64
	// LastImageGC is nil where there never was one.
	LastImageGC *ImageGC
}

// ImageGC is what guard.sh removed because the file system was too full.
type ImageGC struct {
	Time       time.Time `json:"time"`
	Images     int64     `json:"images"`
	FreedBytes int64     `json:"freedBytes"`
}

// FileSystemCommand is run in the daemon's container; ParseFileSystem reads what
// it prints: block size, blocks, free blocks, inodes and free inodes, in a format
// that GNU's stat and BusyBox's understand, and the note that guard.sh left.
func FileSystemCommand() []string {
	return []string{"sh", "-c", `stat -f -c '%S %b %f %c %d' "$1" || exit
cat "$1/dindctl/image-gc" 2>/dev/null || true`, "sh", DataRoot}
}

// ParseFileSystem reads what FileSystemCommand prints.
func ParseFileSystem(out string) (*FileSystem, error) {
	line, note, _ := strings.Cut(strings.TrimSpace(out), "\n")
	n, err := numbers(strings.Fields(line))
	if err != nil || len(n) != 5 {
		return nil, fmt.Errorf("stat printed %q instead of five numbers", line)
	}
	found := &FileSystem{CapacityBytes: n[0] * n[1], UsedBytes: n[0] * (n[1] - n[2])}
	if n[3] > 0 {
		percent := 100 * float64(n[3]-n[4]) / float64(n[3])
		found.InodesUsedPercent = &percent
	}
	// A disk that was full may have cut it off.
	kind, rest, _ := strings.Cut(strings.TrimSpace(note), "|")
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
