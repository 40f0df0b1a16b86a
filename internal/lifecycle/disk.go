package lifecycle

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/dindctl/dindctl/internal/cluster"
	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
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
}

// fileSystem is the file system that holds the data root.
type fileSystem struct {
	capacityBytes, usedBytes int64
	// inodesUsedPercent is nil where the file system has no fixed number of them.
	inodesUsedPercent *float64
}

// fileSystem asks in the pod: neither the Kubernetes API (short of the right to
// read every node's statistics) nor the Docker API knows the size of the disk.
// The format is understood by GNU's stat and by BusyBox's: block size, blocks,
// free blocks, inodes, free inodes.
func (i Instance) fileSystem(ctx context.Context, pod string) (*fileSystem, error) {
	out, err := cluster.Retry(ctx, cluster.Transient, func(ctx context.Context) (string, error) {
		return i.Cluster.Exec(ctx, pod, dind.ContainerName, "stat", "-f", "-c", "%S %b %f %c %d", dind.DataRoot)
	})
	if err != nil {
		return nil, err
	}
	return parseFileSystem(out)
}

func parseFileSystem(out string) (*fileSystem, error) {
	fields := strings.Fields(out)
	if len(fields) != 5 {
		return nil, fmt.Errorf("stat printed %q instead of five numbers", strings.TrimSpace(out))
	}
	var n [5]int64
	for i, field := range fields {
		value, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("stat printed %q instead of five numbers", strings.TrimSpace(out))
		}
		n[i] = value
	}
	found := &fileSystem{capacityBytes: n[0] * n[1], usedBytes: n[0] * (n[1] - n[2])}
	if n[3] > 0 {
		percent := 100 * float64(n[3]-n[4]) / float64(n[3])
		found.inodesUsedPercent = &percent
	}
	return found, nil
}

// newDisk puts the two sources together; nil when there is neither.
func newDisk(volume *fileSystem, usage *daemon.DiskUsage) *Disk {
	if volume == nil && usage == nil {
		return nil
	}
	disk := &Disk{}
	if volume != nil {
		disk.CapacityBytes, disk.UsedBytes = &volume.capacityBytes, &volume.usedBytes
		disk.InodesUsedPercent = volume.inodesUsedPercent
	}
	if usage != nil {
		disk.ImagesBytes, disk.BuildCacheBytes = &usage.ImagesBytes, &usage.BuildCacheBytes
		disk.ReclaimableBytes = &usage.ReclaimableBytes
	}
	return disk
}
