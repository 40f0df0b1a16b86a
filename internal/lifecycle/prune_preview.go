package lifecycle

import (
	"context"
	"time"

	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/progress"
)

// PrunePreview is what a prune would remove now, least recently used first, and the
// size of the build cache before and after. Images and build cache share layers,
// which are freed with the last user, so the sizes are estimates.
type PrunePreview struct {
	DryRun bool `json:"dryRun"` // true
	// UnusedFor is the minimum time unused before removal; "0s" is everything unused.
	// KeepStorageBytes is how much build cache stays whatever its age; nil if age
	// alone decides.
	UnusedFor        string     `json:"unusedFor"`
	KeepStorageBytes *int64     `json:"keepStorageBytes"`
	Containers       []Prunable `json:"containers"`
	Networks         []Prunable `json:"networks"`
	// Volumes are anonymous, or the state of builders.
	Volumes    []Prunable `json:"volumes"`
	Images     []Prunable `json:"images"`
	BuildCache SizeChange `json:"buildCache"`
	// Replicas are what would be removed of the other replicas.
	Replicas []PrunePreview `json:"replicas,omitempty"`
}

// SizeChange is a size now and after a prune.
type SizeChange struct {
	BeforeBytes int64 `json:"beforeBytes"`
	AfterBytes  int64 `json:"afterBytes"`
}

// Prunable is a container, network, volume or image that would be removed.
type Prunable struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Tags are an image's.
	Tags []string `json:"tags,omitempty"`
	// SizeBytes leaves out what is shared with others of its kind.
	SizeBytes int64 `json:"sizeBytes"`
	// Created decides for networks and, until it has a LastUsed, for containers; nil
	// if unknown.
	Created  *time.Time `json:"created,omitempty"`
	LastUsed *time.Time `json:"lastUsed,omitempty"`
}

// PreviewPrune returns what PruneNow would remove, and changes nothing. Its errors
// are those of PruneNow, and a *DaemonError.
func (i Instance) PreviewPrune(ctx context.Context, overrides dind.PruneOverrides) (PrunePreview, error) {
	preview := PrunePreview{DryRun: true}
	err := progress.Step(i.Observer, "Daemon", func(update func(string)) error {
		update("asking the daemon")
		cronJob, pod, err := i.pruneTarget(ctx)
		if err != nil {
			return err
		}
		terms, err := dind.ReadPruneTerms(dind.PruneJob(cronJob, overrides, "preview"))
		if err != nil {
			return err
		}
		var contents daemon.Contents
		rule := daemon.PruneRule{UnusedFor: terms.UnusedFor, KeepCacheBytes: terms.KeepBytes, MaxContainerAge: terms.MaxContainerAge}
		err = i.withEngine(ctx, pod, func(ctx context.Context, engine Engine) (err error) {
			if contents, err = engine.Contents(ctx); err != nil || terms.CacheNow {
				return err
			}
			info, err := engine.Info(ctx)
			rule.LeavesCache = info.ContainerdStore
			return err
		})
		if err != nil {
			return err
		}
		contents.Note(i.uses(ctx, pod.Name))
		preview.fill(contents.Prunable(rule, i.Now()))
		preview.BuildCache.BeforeBytes, preview.BuildCache.AfterBytes = contents.CacheSizes(rule, i.Now())
		preview.UnusedFor = terms.UnusedFor.String()
		if terms.KeepBytes > 0 {
			preview.KeepStorageBytes = &terms.KeepBytes
		}
		update("pod/" + pod.Name + " answered")
		return nil
	})
	return preview, err
}

// uses returns the uses that guard.sh noted; nil, with a warning, if they cannot be read.
// Then the prune does not know them either, or only it does: it removes less.
func (i Instance) uses(ctx context.Context, pod string) map[string]time.Time {
	out, err := i.Cluster.Exec(ctx, pod, dind.ContainerName, dind.UsesCommand()...)
	if err != nil {
		progress.Warn(i.Observer, "it is unknown which images were pulled, pushed or started, so the prune may keep more: "+err.Error())
		return nil
	}
	return dind.ParseUses(out)
}

// fill uses empty lists, which are [] in JSON and not null.
func (p *PrunePreview) fill(gone daemon.Contents) {
	p.Containers, p.Networks, p.Volumes, p.Images = []Prunable{}, []Prunable{}, []Prunable{}, []Prunable{}
	for _, c := range gone.Containers {
		p.Containers = append(p.Containers, Prunable{ID: c.ID, Name: c.Name, SizeBytes: c.SizeBytes, Created: known(c.Created), LastUsed: known(c.LastUsed)})
	}
	for _, n := range gone.Networks {
		p.Networks = append(p.Networks, Prunable{ID: n.ID, Name: n.Name, Created: known(n.Created)})
	}
	for _, v := range gone.Volumes {
		p.Volumes = append(p.Volumes, Prunable{ID: v.Name, Name: v.Name, SizeBytes: v.SizeBytes, LastUsed: known(v.LastUsed)})
	}
	for _, image := range gone.Images {
		name := "untagged"
		if len(image.Tags) > 0 {
			name = image.Tags[0]
		}
		p.Images = append(p.Images, Prunable{ID: image.ID, Name: name, Tags: image.Tags, SizeBytes: image.SizeBytes, LastUsed: known(image.LastUsed)})
	}
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
