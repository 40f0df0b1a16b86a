package lifecycle

import (
	"context"
	"time"

	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/progress"
)

// PrunePreview is what a clean-up would remove now, the least recently used
// first, and the size of the build cache before and after. Images and build
// cache share layers: what they share is freed with the last of them, so the
// sizes are no promise.
type PrunePreview struct {
	DryRun bool `json:"dryRun"` // true
	// UnusedFor is for how long it has not been used, "0s" being everything
	// that is unused, and KeepStorageBytes how much build cache stays; nil for
	// as much as is young enough.
	UnusedFor        string     `json:"unusedFor"`
	KeepStorageBytes *int64     `json:"keepStorageBytes"`
	Containers       []Prunable `json:"containers"`
	Networks         []Prunable `json:"networks"`
	Images           []Prunable `json:"images"`
	BuildCache       SizeChange `json:"buildCache"`
}

// SizeChange is a size now and after a prune.
type SizeChange struct {
	BeforeBytes int64 `json:"beforeBytes"`
	AfterBytes  int64 `json:"afterBytes"`
}

// Prunable is a container, network or image that would be removed.
type Prunable struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Tags are an image's.
	Tags []string `json:"tags,omitempty"`
	// SizeBytes is what is its own, and not shared by others of its kind.
	SizeBytes int64 `json:"sizeBytes"`
	// Created is what containers and networks go by, LastUsed what images do;
	// nil where that is not known.
	Created  *time.Time `json:"created,omitempty"`
	LastUsed *time.Time `json:"lastUsed,omitempty"`
}

// PreviewPrune tells what PruneNow would remove, and changes nothing. Its errors
// are PruneNow's, and a *DaemonError.
func (i Instance) PreviewPrune(ctx context.Context, overrides dind.PruneOverrides) (PrunePreview, error) {
	preview := PrunePreview{DryRun: true}
	err := progress.Step(i.Observer, "Daemon", func(update func(string)) error {
		update("asking what there is")
		cronJob, pod, err := i.pruneTarget(ctx)
		if err != nil {
			return err
		}
		unusedFor, keep, err := dind.PruneTerms(dind.PruneJob(cronJob, overrides, "preview"))
		if err != nil {
			return err
		}
		var contents daemon.Contents
		err = i.withEngine(ctx, pod, func(ctx context.Context, engine Engine) (err error) {
			contents, err = engine.Contents(ctx)
			return err
		})
		if err != nil {
			return err
		}
		rule := daemon.PruneRule{UnusedFor: unusedFor, KeepCacheBytes: keep}
		preview.fill(contents.Prunable(rule, i.Now()))
		preview.BuildCache.BeforeBytes, preview.BuildCache.AfterBytes = contents.CacheSizes(rule, i.Now())
		preview.UnusedFor = unusedFor.String()
		if keep > 0 {
			preview.KeepStorageBytes = &keep
		}
		update("pod/" + pod.Name + " answered")
		return nil
	})
	return preview, err
}

// fill keeps empty lists, so that a document says [] and not null.
func (p *PrunePreview) fill(gone daemon.Contents) {
	p.Containers, p.Networks, p.Images = []Prunable{}, []Prunable{}, []Prunable{}
	for _, c := range gone.Containers {
		p.Containers = append(p.Containers, Prunable{ID: c.ID, Name: c.Name, SizeBytes: c.SizeBytes, Created: known(c.Created)})
	}
	for _, n := range gone.Networks {
		p.Networks = append(p.Networks, Prunable{ID: n.ID, Name: n.Name, Created: known(n.Created)})
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
