package lifecycle

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
)

// Disk is the daemon's volume and what is on it, in bytes. Values that could
// not be read are nil.
type Disk struct {
	CapacityBytes     *int64   `json:"capacityBytes"`
	UsedBytes         *int64   `json:"usedBytes"`
	InodesUsedPercent *float64 `json:"inodesUsedPercent"`
	ImagesBytes       *int64   `json:"imagesBytes"`
	BuildCacheBytes   *int64   `json:"buildCacheBytes"`
	ReclaimableBytes  *int64   `json:"reclaimableBytes"`
	// FullInDays is when the disk is full if its use goes on growing as it did
	// this week; nil where that is not known or it does not grow.
	FullInDays *float64 `json:"fullInDays"`
	// LastRelief is when images were removed last because the disk was too full;
	// nil where that never was.
	LastRelief *Relief `json:"lastRelief"`
}

// Relief is what was removed at the high-water mark.
type Relief struct {
	Time       time.Time `json:"time"`
	Images     int64     `json:"images"`
	FreedBytes int64     `json:"freedBytes"`
}

// fileSystem is the file system that holds the data root.
type fileSystem struct {
	capacityBytes, usedBytes int64
	// inodesUsedPercent is nil where the file system has no fixed number of them.
	inodesUsedPercent *float64
	// samples are what the daemon's guard has noted, the oldest first.
	samples []sample
	relief  *Relief
}

// sample is how much was in use at a time.
type sample struct {
	at    time.Time
	bytes int64
}

// fileSystem asks in the pod: neither the Kubernetes API (short of the right to
// read every node's statistics) nor the Docker API knows the size of the disk.
// The format is understood by GNU's stat and by BusyBox's: block size, blocks,
// free blocks, inodes, free inodes. After it come the guard's notes.
func (i Instance) fileSystem(ctx context.Context, pod string) (*fileSystem, error) {
	const script = `stat -f -c '%S %b %f %c %d' "$1" || exit
cat "$1/dindctl/usage" "$1/dindctl/relief" 2>/dev/null || true`
	out, err := kube.RetryIf(ctx, kube.Transient, func(ctx context.Context) (string, error) {
		return i.Cluster.Exec(ctx, pod, dind.ContainerName, "sh", "-c", script, "sh", dind.DataRoot)
	})
	if err != nil {
		return nil, err
	}
	return parseFileSystem(out)
}

func parseFileSystem(out string) (*fileSystem, error) {
	line, notes, _ := strings.Cut(strings.TrimSpace(out), "\n")
	n, err := numbers(strings.Fields(line))
	if err != nil || len(n) != 5 {
		return nil, fmt.Errorf("stat printed %q instead of five numbers", line)
	}
	found := &fileSystem{capacityBytes: n[0] * n[1], usedBytes: n[0] * (n[1] - n[2])}
	if n[3] > 0 {
		percent := 100 * float64(n[3]-n[4]) / float64(n[3])
		found.inodesUsedPercent = &percent
	}
	for note := range strings.Lines(notes) {
		kind, rest, _ := strings.Cut(strings.TrimSpace(note), "|")
		n, err := numbers(strings.Split(rest, "|"))
		switch {
		case err != nil: // cut off by a disk that was full
		case kind == "U" && len(n) == 2:
			found.samples = append(found.samples, sample{time.Unix(n[0], 0).UTC(), n[1]})
		case kind == "R" && len(n) == 3:
			found.relief = &Relief{Time: time.Unix(n[0], 0).UTC(), Images: n[1], FreedBytes: n[2]}
		}
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

// The time that a rate of growth is taken from: a day tells nothing of a week,
// and what was a month ago nothing of now. A disk that is full in more than a
// year is none to warn of.
const (
	day           = 24 * time.Hour
	shortestTrend = 2 * day
	longestTrend  = 8 * day
	farAway       = 365
)

// fullInDays is when the file system is full at the rate of the last week; nil
// where nobody can tell.
func (f *fileSystem) fullInDays(now time.Time) *float64 {
	for _, past := range f.samples {
		span := now.Sub(past.at)
		if span > longestTrend {
			continue
		}
		grown := f.usedBytes - past.bytes
		if span < shortestTrend || grown <= 0 {
			return nil
		}
		days := float64(f.capacityBytes-f.usedBytes) / float64(grown) * span.Hours() / 24
		if days > farAway {
			return nil
		}
		return &days
	}
	return nil
}

// newDisk puts the two sources together; nil when there is neither.
func newDisk(volume *fileSystem, usage *daemon.DiskUsage, now time.Time) *Disk {
	if volume == nil && usage == nil {
		return nil
	}
	disk := &Disk{}
	if volume != nil {
		disk.CapacityBytes, disk.UsedBytes = &volume.capacityBytes, &volume.usedBytes
		disk.InodesUsedPercent = volume.inodesUsedPercent
		disk.FullInDays, disk.LastRelief = volume.fullInDays(now), volume.relief
	}
	if usage != nil {
		disk.ImagesBytes, disk.BuildCacheBytes = &usage.ImagesBytes, &usage.BuildCacheBytes
		disk.ReclaimableBytes = &usage.ReclaimableBytes
	}
	return disk
}
