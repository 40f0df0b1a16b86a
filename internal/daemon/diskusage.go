package daemon

import (
	"context"

	"github.com/moby/moby/client"
)

// DiskUsage is the space, in bytes, that a daemon's objects take, by the same
// count as docker system df. Layers that images share count once.
type DiskUsage struct {
	ImagesBytes int64
	// BuildCacheBytes counts records that share their layers with an image
	// only since API 1.52: as the daemon does, so do we.
	BuildCacheBytes int64
	// ContainersBytes is what containers have written to their own layers.
	ContainersBytes int64
	VolumesBytes    int64
	// ReclaimableBytes is what docker system prune -a would free: images
	// without a container, stopped containers, and build cache not in use.
	// Volumes are no part of it, as pruning keeps them, nor are layers that
	// several images share, or images and the cache.
	ReclaimableBytes int64
}

// DiskUsage asks the daemon to count. That takes seconds to minutes on a large
// data root: let ctx bound it.
func (e *Engine) DiskUsage(ctx context.Context) (DiskUsage, error) {
	// The client makes one result of the lists that engines before API 1.52
	// answer with and of the sums that later ones send.
	result, err := e.client.DiskUsage(ctx, client.DiskUsageOptions{
		Containers: true,
		Images:     true,
		BuildCache: true,
		Volumes:    true,
	})
	if err != nil {
		return DiskUsage{}, e.explain(ctx, "ask the Docker daemon for its disk usage", err)
	}
	return DiskUsage{
		ImagesBytes:     result.Images.TotalSize,
		BuildCacheBytes: result.BuildCache.TotalSize,
		ContainersBytes: result.Containers.TotalSize,
		VolumesBytes:    result.Volumes.TotalSize,
		ReclaimableBytes: result.Images.Reclaimable +
			result.BuildCache.Reclaimable +
			result.Containers.Reclaimable,
	}, nil
}
