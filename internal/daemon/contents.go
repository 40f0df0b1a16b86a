package daemon

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"
	"golang.org/x/sync/errgroup"
)

// Contents lists the objects that a prune may remove.
type Contents struct {
	Containers []Container
	// Networks are the networks without a running container.
	Networks   []Network
	Volumes    []Volume
	Images     []Image
	BuildCache []CacheRecord
}

// Network is a user-defined network.
type Network struct {
	ID, Name string
	Created  time.Time
}

// Image is an image with all its tags.
type Image struct {
	ID   string
	Tags []string
	// LastUsed is when this image, or an image based on it, was last created or
	// tagged. It is zero if unknown.
	LastUsed time.Time
	// SizeBytes is the size of the layers that no other image shares.
	SizeBytes int64
	layers    []string
	digests   []string
}

// CacheRecord is a record of the build cache that DiskUsage counts.
type CacheRecord struct {
	ID      string
	Parents []string
	// InUse is true while a build needs the record, directly or through another.
	InUse bool
	// Shared is true if an image has the same layer.
	Shared bool
	// LastUsed is zero if no build has used the record yet.
	LastUsed  time.Time
	SizeBytes int64
}

// sharedCacheVersion is the first API version that includes the build cache
// shared with images in its totals.
const sharedCacheVersion = "1.52"

// maxInspections is the number of images that are inspected concurrently.
const maxInspections = 8

// Contents lists the daemon's contents. Like DiskUsage, it may take minutes.
func (e *Engine) Contents(ctx context.Context) (Contents, error) {
	var found Contents
	usage, err := e.client.DiskUsage(ctx, client.DiskUsageOptions{Containers: true, Images: true, BuildCache: true, Volumes: true, Verbose: true})
	if err != nil {
		return found, e.explain(ctx, "list the Docker daemon's contents", err)
	}
	networks, err := e.client.NetworkList(ctx, unusedNetworks())
	if err != nil {
		return found, e.explain(ctx, "list the Docker daemon's networks", err)
	}
	for _, n := range networks.Items {
		found.Networks = append(found.Networks, Network{ID: n.ID, Name: n.Name, Created: n.Created})
	}
	for _, c := range usage.Containers.Items {
		one := newContainer(c)
		if err := e.inspect(ctx, &one); err != nil {
			return found, e.explain(ctx, "inspect the Docker daemon's containers", err)
		}
		found.Containers = append(found.Containers, one)
	}
	for _, v := range usage.Volumes.Items {
		if one := newVolume(v); one != nil {
			found.Volumes = append(found.Volumes, *one)
		}
	}
	for _, r := range usage.BuildCache.Items {
		if r.Shared && versions.LessThan(e.client.ClientVersion(), sharedCacheVersion) {
			continue
		}
		record := CacheRecord{ID: r.ID, Parents: r.Parents, InUse: r.InUse, Shared: r.Shared, SizeBytes: r.Size}
		if r.LastUsedAt != nil {
			record.LastUsed = *r.LastUsedAt
		}
		found.BuildCache = append(found.BuildCache, record)
	}
	found.Images, err = e.images(ctx, usage.Images.Items)
	if err != nil {
		return found, e.explain(ctx, "inspect the Docker daemon's images", err)
	}
	return found, nil
}

// images inspects each image, because the list does not contain the tag time.
func (e *Engine) images(ctx context.Context, listed []image.Summary) ([]Image, error) {
	inspected := make([]*Image, len(listed))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxInspections)
	for n, summary := range listed {
		group.Go(func() error {
			result, err := e.client.ImageInspect(ctx, summary.ID)
			if errdefs.IsNotFound(err) {
				return nil // removed since it was listed
			}
			if err != nil {
				return err
			}
			inspected[n] = newImage(summary, result.InspectResponse)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var images []Image
	for _, one := range inspected {
		if one != nil {
			images = append(images, *one)
		}
	}
	propagateLastUsed(images)
	return images, nil
}

func newImage(summary image.Summary, inspected image.InspectResponse) *Image {
	one := &Image{ID: summary.ID, Tags: inspected.RepoTags, SizeBytes: summary.Size - max(summary.SharedSize, 0), layers: inspected.RootFS.Layers, digests: inspected.RepoDigests}
	// The time is zero, and so unknown, if it cannot be parsed.
	one.LastUsed, _ = time.Parse(time.RFC3339Nano, inspected.Created)
	if tagged := inspected.Metadata.LastTagTime; tagged.After(one.LastUsed) {
		one.LastUsed = tagged
	}
	if one.LastUsed.Year() < 1970 {
		one.LastUsed = time.Time{}
	}
	return one
}

// propagateLastUsed makes the base of an image as recently used as the image
// itself, because an image contains the layers of its base.
func propagateLastUsed(images []Image) {
	for n := range images {
		base := &images[n]
		for _, other := range images {
			if len(base.layers) > 0 && other.LastUsed.After(base.LastUsed) && hasPrefix(other.layers, base.layers) {
				base.LastUsed = other.LastUsed
			}
		}
	}
}

func hasPrefix(layers, first []string) bool {
	return len(layers) >= len(first) && slices.Equal(layers[:len(first)], first)
}

// oldestFirst sorts a list by time, and by ID where times are equal.
func oldestFirst[T any](list []T, key func(T) (time.Time, string)) {
	slices.SortStableFunc(list, func(a, b T) int {
		timeA, idA := key(a)
		timeB, idB := key(b)
		return cmp.Or(timeA.Compare(timeB), cmp.Compare(idA, idB))
	})
}
