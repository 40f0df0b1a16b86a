package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/human"
	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/terminal"
)

// nameWidth limits the names in the table: an image can have many tags.
const nameWidth = 60

// previewPrune prints what a prune would remove.
func (s *session) previewPrune(ctx context.Context, overrides dind.PruneOverrides) error {
	previews, err := eachReplica(ctx, s, func(ctx context.Context, i lifecycle.Instance) (lifecycle.PrunePreview, error) {
		return i.PreviewPrune(ctx, overrides)
	})
	if err != nil {
		return err
	}
	previews[0].Replicas = previews[1:]
	return printEach(s, previews, func(out io.Writer, preview lifecycle.PrunePreview) error {
		return writePrunePreview(out, s.streams.OutStyle(), preview, s.program.now())
	})
}

func writePrunePreview(out io.Writer, style terminal.Style, preview lifecycle.PrunePreview, now time.Time) error {
	table := terminal.NewTable(style)
	table.Header("TYPE", "NAME", "SIZE", "LAST USED")
	var sums []string
	for _, kind := range []struct {
		name string
		list []lifecycle.Prunable
	}{
		{"container", preview.Containers},
		{"network", preview.Networks},
		{"volume", preview.Volumes},
		{"image", preview.Images},
	} {
		var bytes int64
		for _, one := range kind.list {
			bytes += one.SizeBytes
			table.Row(kind.name, shortName(one), human.Size(one.SizeBytes), lastUse(one, now))
		}
		if n := len(kind.list); n == 1 {
			sums = append(sums, fmt.Sprintf("1 %s (%s)", kind.name, human.Size(bytes)))
		} else if n > 1 {
			sums = append(sums, fmt.Sprintf("%d %ss (%s)", n, kind.name, human.Size(bytes)))
		}
	}
	cache := preview.BuildCache
	cacheShrinks := cache.AfterBytes < cache.BeforeBytes
	if cacheShrinks {
		table.Row("build cache", "", human.Size(cache.BeforeBytes)+" → "+human.Size(cache.AfterBytes), "")
		sums = append(sums, human.Size(cache.BeforeBytes-cache.AfterBytes)+" of build cache")
	}
	if len(sums) == 0 {
		_, err := fmt.Fprintf(out, "Nothing to remove: everything is in use%s.\n", exceptions(preview))
		return err
	}
	if _, err := table.WriteTo(out); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "Would remove %s.\n", strings.Join(sums, ", "))
	if err == nil && len(preview.Images) > 0 && cacheShrinks {
		_, err = fmt.Fprintln(out, "Layers shared by images and build cache are freed with the last of them.")
	}
	return err
}

// exceptions says why unused objects would stay.
func exceptions(preview lifecycle.PrunePreview) string {
	text := ""
	if unusedFor, err := time.ParseDuration(preview.UnusedFor); err == nil && unusedFor > 0 {
		text = " or was used less than " + human.Ago(unusedFor)
	}
	if preview.KeepStorageBytes != nil {
		text += ", and the build cache is smaller than " + human.Size(*preview.KeepStorageBytes)
	}
	return text
}

func shortName(one lifecycle.Prunable) string {
	name := one.Name
	if len(one.Tags) > 1 {
		name = strings.Join(one.Tags, ", ")
	}
	if name == "" || name == "untagged" {
		name = strings.TrimSpace(name + " " + one.ID[:min(len(one.ID), 19)])
	}
	if runes := []rune(name); len(runes) > nameWidth {
		name = string(runes[:nameWidth-1]) + "…"
	}
	return name
}

func lastUse(one lifecycle.Prunable, now time.Time) string {
	switch {
	case one.LastUsed != nil:
		return human.Ago(now.Sub(*one.LastUsed))
	case one.Created != nil:
		return "created " + human.Ago(now.Sub(*one.Created))
	}
	return "never"
}
