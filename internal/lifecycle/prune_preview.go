package lifecycle

import (
	"context"
	"strconv"
	"time"

	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/progress"
	"github.com/dindctl/dindctl/internal/redact"
)

// PrunePreview is what a clean-up would remove now, the least recently used
// first. Images and build cache share layers: what they share is freed with the
// last of them, so the sizes are no promise.
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
	BuildCache       []Prunable `json:"buildCache"`
}

// Prunable is one thing that would be removed.
type Prunable struct {
	ID string `json:"id"`
	// Name is the name, the tags or, of build cache, the step that made it.
	Name string `json:"name"`
	// Tags are an image's.
	Tags []string `json:"tags,omitempty"`
	// SizeBytes is what is its own, and not shared by others of its kind.
	SizeBytes int64 `json:"sizeBytes"`
	// Shared is true for build cache whose layer an image has too.
	Shared bool `json:"shared,omitempty"`
	// Created is what containers and networks go by, LastUsed what images and
	// build cache do; nil where that is not known.
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
		preview.fill(contents.Prunable(daemon.PruneRule{UnusedFor: unusedFor, KeepCacheBytes: keep}, i.Now()))
		preview.UnusedFor = unusedFor.String()
		if keep > 0 {
			preview.KeepStorageBytes = &keep
		}
		update(strconv.Itoa(preview.count()) + " to remove")
		return nil
	})
	return preview, err
}

func (p *PrunePreview) count() int {
	return len(p.Containers) + len(p.Networks) + len(p.Images) + len(p.BuildCache)
}

// fill keeps empty lists, so that a document says [] and not null.
func (p *PrunePreview) fill(gone daemon.Contents) {
	p.Containers, p.Networks, p.Images, p.BuildCache = []Prunable{}, []Prunable{}, []Prunable{}, []Prunable{}
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
	for _, r := range gone.BuildCache {
		p.BuildCache = append(p.BuildCache, Prunable{ID: r.ID, Name: redact.URLs(r.Description), SizeBytes: r.SizeBytes, Shared: r.Shared, LastUsed: known(r.LastUsed)})
	}
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
