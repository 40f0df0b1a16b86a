package daemon

import (
	"context"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/volume"
	"github.com/moby/moby/client"
)

// Container is a running or stopped container.
type Container struct {
	ID, Name string
	ImageID  string
	// Running is also true for paused and restarting containers.
	Running bool
	Created time.Time
	// LastUsed is when a stopped container stopped, or a builder was noted in use.
	LastUsed time.Time
	// Builder is a container of docker buildx create. It is Busy while a client builds.
	Builder, Busy bool
	// Keep is true with the label dindctl.keep.
	Keep bool
	// Volumes are the names of its volumes.
	Volumes []string
	// SizeBytes is the size of the container's writable layer.
	SizeBytes int64
}

// Volume is an anonymous volume, or the state of a builder.
type Volume struct {
	Name string
	// LastUsed is when it was created, or noted in use.
	LastUsed  time.Time
	SizeBytes int64
}

func newContainer(c container.Summary) Container {
	one := Container{
		ID: c.ID, Name: strings.TrimPrefix(strings.Join(c.Names, ","), "/"), ImageID: c.ImageID,
		Running: c.State == container.StateRunning || c.State == container.StatePaused || c.State == container.StateRestarting,
		Created: time.Unix(c.Created, 0).UTC(), Builder: isBuilder(c.Names), SizeBytes: c.SizeRw,
	}
	_, one.Keep = c.Labels["dindctl.keep"]
	for _, m := range c.Mounts {
		if m.Type == mount.TypeVolume {
			one.Volumes = append(one.Volumes, m.Name)
		}
	}
	return one
}

// inspect adds what the list does not contain: when a container stopped, and whether a
// builder is busy. A container that was removed since stays as it was listed.
func (e *Engine) inspect(ctx context.Context, one *Container) error {
	if one.Running && !one.Builder {
		return nil
	}
	result, err := e.client.ContainerInspect(ctx, one.ID, client.ContainerInspectOptions{})
	if errdefs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	one.Busy = one.Builder && len(result.Container.ExecIDs) > 0
	if state := result.Container.State; state != nil && !one.Builder {
		if ended, err := time.Parse(time.RFC3339Nano, state.FinishedAt); err == nil && ended.Year() >= 1970 {
			one.LastUsed = ended.UTC()
		}
	}
	return nil
}

// builderOf returns the name of the builder's container whose state a volume is, "" if it
// is another volume.
func builderOf(volume string) string {
	name, isState := strings.CutSuffix(volume, "_state")
	if !isState || !isBuilder([]string{"/" + name}) {
		return ""
	}
	return name
}

// newVolume returns nil for a volume that somebody named.
func newVolume(v volume.Volume) *Volume {
	_, anonymous := v.Labels["com.docker.volume.anonymous"]
	if !anonymous && builderOf(v.Name) == "" {
		return nil
	}
	one := &Volume{Name: v.Name}
	one.LastUsed, _ = time.Parse(time.RFC3339Nano, v.CreatedAt)
	if v.UsageData != nil {
		one.SizeBytes = max(v.UsageData.Size, 0)
	}
	return one
}
