package lifecycle

import (
	"context"

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
	// LastImageGC is the last image garbage collection, nil if there was none.
	LastImageGC *dind.ImageGC `json:"lastImageGC"`
}

// fileSystem reads the size of the disk in the pod. The Docker API does not know it,
// and the Kubernetes API returns it only with the permission to read each node's
// statistics.
func (i Instance) fileSystem(ctx context.Context, pod string) (*dind.FileSystem, error) {
	out, err := kube.Retry(ctx, func(ctx context.Context) (string, error) {
		return i.Cluster.Exec(ctx, pod, dind.ContainerName, dind.FileSystemCommand()...)
	})
	if err != nil {
		return nil, err
	}
	return dind.ParseFileSystem(out)
}

// newDisk combines the two sources. It returns nil without both.
func newDisk(volume *dind.FileSystem, usage *daemon.DiskUsage) *Disk {
	if volume == nil && usage == nil {
		return nil
	}
	disk := &Disk{}
	if volume != nil {
		disk.CapacityBytes, disk.UsedBytes = &volume.CapacityBytes, &volume.UsedBytes
		disk.InodesUsedPercent, disk.LastImageGC = volume.InodesUsedPercent, volume.LastImageGC
	}
	if usage != nil {
		disk.ImagesBytes, disk.BuildCacheBytes = &usage.ImagesBytes, &usage.BuildCacheBytes
		disk.ReclaimableBytes = &usage.ReclaimableBytes
	}
	return disk
}
