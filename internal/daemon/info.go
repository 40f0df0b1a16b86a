package daemon

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"
)

// Info describes a daemon.
type Info struct {
	// Version is the engine's version, such as 29.7.2.
	Version string `json:"version"`
	// APIVersion is the negotiated version. The daemon may support newer ones.
	APIVersion string `json:"apiVersion"`
	// MinAPIVersion is the lowest version that the daemon accepts: it refuses older
	// clients.
	MinAPIVersion string `json:"minApiVersion"`
	StorageDriver string `json:"storageDriver"`
	// ContainerdStore means that images are in containerd's image store.
	ContainerdStore bool `json:"-"`
	// Mirrors and Insecure are registries, as the daemon writes them. Insecure does not
	// include loopback addresses, which are always insecure.
	Mirrors, Insecure []string `json:"-"`
	// RootDir is the path of the data root in the daemon's container.
	RootDir string `json:"rootDir"`
	// CgroupVersion is "1" or "2".
	CgroupVersion string `json:"cgroupVersion"`
}

// AcceptsFewer reports whether the daemon refuses clients that the earlier one accepted;
// false if one of the two is unknown.
func (i Info) AcceptsFewer(earlier Info) bool {
	return earlier.MinAPIVersion != "" && versions.LessThan(earlier.MinAPIVersion, i.MinAPIVersion)
}

// Info returns the daemon's description of itself.
func (e *Engine) Info(ctx context.Context) (Info, error) {
	result, err := e.client.Info(ctx, client.InfoOptions{})
	if err != nil {
		return Info{}, e.explain(ctx, "get the Docker daemon's info", err)
	}
	version, err := e.client.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return Info{}, e.explain(ctx, "get the Docker daemon's version", err)
	}
	info := Info{
		Version:       result.Info.ServerVersion,
		APIVersion:    e.client.ClientVersion(),
		MinAPIVersion: version.MinAPIVersion,
		StorageDriver: result.Info.Driver,
		ContainerdStore: slices.ContainsFunc(result.Info.DriverStatus, func(pair [2]string) bool {
			return pair[0] == "driver-type" && strings.HasPrefix(pair[1], "io.containerd.snapshotter")
		}),
		RootDir:       result.Info.DockerRootDir,
		CgroupVersion: result.Info.CgroupVersion,
	}
	if registries := result.Info.RegistryConfig; registries != nil {
		info.Mirrors = append(info.Mirrors, registries.Mirrors...)
		for name, index := range registries.IndexConfigs {
			if !index.Secure {
				info.Insecure = append(info.Insecure, name)
			}
		}
		for _, cidr := range registries.InsecureRegistryCIDRs {
			if !cidr.Addr().IsLoopback() {
				info.Insecure = append(info.Insecure, cidr.String())
			}
		}
	}
	if info.CgroupVersion == "" && versions.LessThan(info.APIVersion, "1.41") {
		info.CgroupVersion = "1" // the only version that these engines support
	}
	return info, nil
}

// DiskUsage is the disk space of a daemon's objects in bytes, as docker system
// df counts it. Layers that several images share count once.
type DiskUsage struct {
	ImagesBytes int64
	// BuildCacheBytes includes records that share a layer with an image only
	// since API 1.52, as the daemon reports it.
	BuildCacheBytes int64
	// VolumesBytes is nil if the daemon took too long: it walks every volume.
	VolumesBytes *int64
	// ContainersBytes is the size of the containers' writable layers.
	ContainersBytes int64
	// ReclaimableBytes is what docker system prune -a would free: images
	// without a container, stopped containers and unused build cache. It does
	// not include volumes, which a prune keeps, or layers shared between
	// images or with the build cache.
	ReclaimableBytes int64
}

// DiskUsage returns the daemon's disk usage. On a large data root this takes
// seconds to minutes, so ctx should have a deadline.
func (e *Engine) DiskUsage(ctx context.Context) (DiskUsage, error) {
	var volumes *int64
	var walking sync.WaitGroup
	defer walking.Wait()
	walking.Go(func() { volumes = e.volumesBytes(ctx) })
	// Engines before API 1.52 return lists, later ones totals. The client
	// converts both to totals.
	result, err := e.client.DiskUsage(ctx, client.DiskUsageOptions{
		Containers: true,
		Images:     true,
		BuildCache: true,
	})
	if err != nil {
		return DiskUsage{}, e.explain(ctx, "get the Docker daemon's disk usage", err)
	}
	walking.Wait()
	return DiskUsage{
		ImagesBytes:     result.Images.TotalSize,
		BuildCacheBytes: result.BuildCache.TotalSize,
		VolumesBytes:    volumes,
		ContainersBytes: result.Containers.TotalSize,

		ReclaimableBytes: result.Images.Reclaimable +
			result.BuildCache.Reclaimable +
			result.Containers.Reclaimable,
	}, nil
}

// volumesTime is how long the daemon may take to walk its volumes.
const volumesTime = 5 * time.Second

// volumesBytes returns the size of all volumes, nil if it is unknown.
func (e *Engine) volumesBytes(ctx context.Context) *int64 {
	ctx, cancel := context.WithTimeout(ctx, volumesTime)
	defer cancel()
	result, err := e.client.DiskUsage(ctx, client.DiskUsageOptions{Volumes: true})
	if err != nil {
		return nil
	}
	return &result.Volumes.TotalSize
}
