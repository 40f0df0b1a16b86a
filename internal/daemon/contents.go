package daemon

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"
	"golang.org/x/sync/errgroup"
)

// Contents are what a clean-up may remove, with what decides whether it does.
type Contents struct {
	Containers []Container
	// Networks are those that no running container is connected to.
	Networks   []Network
	Images     []Image
	BuildCache []CacheRecord
}

// Container is one container, running or not.
type Container struct {
	ID, Name string
	ImageID  string
	// Running is true for a paused container too.
	Running bool
	Created time.Time
	// SizeBytes is what it has written to its own layer.
	SizeBytes int64
}

// Network is one that users made.
type Network struct {
	ID, Name string
	Created  time.Time
}

// Image is one image, with all its tags.
type Image struct {
	ID   string
	Tags []string
	// LastUsed is when it was made or tagged last, a build's tag included, or
	// when an image that is built on it was. Zero where nobody knows.
	LastUsed time.Time
	// SizeBytes is what it shares with no other image.
	SizeBytes int64
	layers    []string
}

// CacheRecord is one record of the build cache that DiskUsage counts.
type CacheRecord struct {
	ID      string
	Parents []string
	// InUse is true while a build or a record that builds use needs it.
	InUse bool
	// Shared is true where an image has the same layer.
	Shared bool
	// LastUsed is zero for a record that no build has used yet.
	LastUsed  time.Time
	SizeBytes int64
}

// sharedCounted is the first API version that counts the build cache that an
// image shares.
const sharedCounted = "1.52"

// inspections is how many images are looked at at a time.
const inspections = 8

// Contents asks the daemon for all that it has. As DiskUsage, it may take long.
func (e *Engine) Contents(ctx context.Context) (Contents, error) {
	var found Contents
	usage, err := e.client.DiskUsage(ctx, client.DiskUsageOptions{Containers: true, Images: true, BuildCache: true, Verbose: true})
	if err != nil {
		return found, e.explain(ctx, "ask the Docker daemon for its contents", err)
	}
	networks, err := e.client.NetworkList(ctx, client.NetworkListOptions{Filters: client.Filters{}.Add("dangling", "true").Add("type", "custom")})
	if err != nil {
		return found, e.explain(ctx, "ask the Docker daemon for its networks", err)
	}
	for _, n := range networks.Items {
		found.Networks = append(found.Networks, Network{ID: n.ID, Name: n.Name, Created: n.Created})
	}
	for _, c := range usage.Containers.Items {
		found.Containers = append(found.Containers, Container{
			ID: c.ID, Name: strings.TrimPrefix(strings.Join(c.Names, ","), "/"), ImageID: c.ImageID,
			Running: c.State == container.StateRunning || c.State == container.StatePaused || c.State == container.StateRestarting,
			Created: time.Unix(c.Created, 0).UTC(), SizeBytes: c.SizeRw,
		})
	}
	for _, r := range usage.BuildCache.Items {
		if r.Shared && versions.LessThan(e.client.ClientVersion(), sharedCounted) {
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
		return found, e.explain(ctx, "ask the Docker daemon for its images", err)
	}
	return found, nil
}

// images looks at each image: the list does not say when it was tagged.
func (e *Engine) images(ctx context.Context, listed []image.Summary) ([]Image, error) {
	looked := make([]*Image, len(listed))
	group, asking := errgroup.WithContext(ctx)
	group.SetLimit(inspections)
	for n, summary := range listed {
		group.Go(func() error {
			inspected, err := e.client.ImageInspect(asking, summary.ID)
			if errdefs.IsNotFound(err) {
				return nil // gone since it was listed
			}
			if err != nil {
				return err
			}
			looked[n] = newImage(summary, inspected.InspectResponse)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var images []Image
	for _, one := range looked {
		if one != nil {
			images = append(images, *one)
		}
	}
	passOnUse(images)
	return images, nil
}

func newImage(summary image.Summary, inspected image.InspectResponse) *Image {
	one := &Image{ID: summary.ID, Tags: inspected.RepoTags, SizeBytes: summary.Size - max(summary.SharedSize, 0), layers: inspected.RootFS.Layers}
	// What cannot be parsed is not known, which zero says.
	one.LastUsed, _ = time.Parse(time.RFC3339Nano, inspected.Created)
	if tagged := inspected.Metadata.LastTagTime; tagged.After(one.LastUsed) {
		one.LastUsed = tagged
	}
	if one.LastUsed.Year() < 1970 {
		one.LastUsed = time.Time{}
	}
	return one
}

// passOnUse has the base of an image used as recently as the image: who builds
// FROM an image gets its layers.
func passOnUse(images []Image) {
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

// oldestFirst sorts by last use, and by ID what was used at the same time.
func oldestFirst[T any](list []T, key func(T) (time.Time, string)) {
	slices.SortStableFunc(list, func(a, b T) int {
		usedA, idA := key(a)
		usedB, idB := key(b)
		return cmp.Or(usedA.Compare(usedB), cmp.Compare(idA, idB))
	})
}
