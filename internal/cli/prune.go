package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/human"
	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/terminal"
)

func (p *program) pruneNowCommand() *cli.Command {
	return &cli.Command{
		Name:      "prune-now",
		Usage:     "run the scheduled prune now and report how much it freed",
		UsageText: "dindctl prune-now [options]",
		Description: "Creates a Job from the prune CronJob and waits for it. Unless an option overrides it, the Job\n" +
			"uses the installed setting of --prune-unused-for. If a prune is already running, the Job waits for\n" +
			"it to finish. -v streams the Job's log.",
		Flags: []cli.Flag{
			switchFlag("all", "remove everything unused, even if it was used recently, but no volumes with a name"),
			text("unused-for", "minimum time unused before removal (default: as installed)", "DURATION"),
			text("keep-storage", "amount of build cache to keep, most recently used first, regardless of its age", "SIZE"),
			switchFlag("when-idle", "first wait until nothing runs and nobody is connected"),
			switchFlag("yes", "with --all: do not ask for confirmation while builds or containers are running", "y"),
			switchFlag("dry-run", "list what would be removed, without removing it"),
			replicaFlag(),
		},
		Action: p.pruneNow,
	}
}

func (p *program) pruneNow(c *cli.Context) error {
	s := p.session(c)
	overrides := dind.PruneOverrides{All: s.on("all"), UnusedFor: s.text("unused-for", ""), KeepStorage: s.text("keep-storage", "")}
	s.addProblems(overrides.Validate())
	dryRun, whenIdle := s.on("dry-run"), s.on("when-idle")
	if dryRun && whenIdle {
		s.problem("--when-idle", "", "has no effect with --dry-run", "Omit one of them.")
	}
	if err := s.validate(c); err != nil {
		return err
	}
	if dryRun {
		return s.previewPrune(c.Context, overrides)
	}
	if overrides.All && !whenIdle && !s.on("yes") {
		if err := s.confirmAll(c.Context); err != nil {
			return err
		}
	}
	reports, err := eachReplica(c.Context, s, func(ctx context.Context, i lifecycle.Instance) (lifecycle.PruneReport, error) {
		return i.PruneNow(ctx, lifecycle.PruneOptions{Overrides: overrides, WhenIdle: whenIdle, Log: s.jobLog(i.Observer)})
	})
	if err != nil {
		return err
	}
	reports[0].Replicas = reports[1:]
	return printEach(s, reports, func(out io.Writer, report lifecycle.PruneReport) error {
		return writePrune(out, s.streams.OutStyle(), report)
	})
}

// confirmAll asks for confirmation before --all prunes while builds or containers
// are running: the builds lose cache that they have not used yet, and images that
// a pipeline has built but not pushed are removed.
func (s *session) confirmAll(ctx context.Context) error {
	each, err := eachReplica(ctx, s, func(ctx context.Context, i lifecycle.Instance) (daemon.Activity, error) { return i.PruneActivity(ctx) })
	var running daemon.Activity
	for _, one := range each {
		running.Builds += one.Builds
		running.BuildsUnknown = running.BuildsUnknown || one.BuildsUnknown
		running.Containers = append(running.Containers, one.Containers...)
	}
	if err != nil || running.Idle() && !running.BuildsUnknown {
		return err
	}
	warning := lifecycle.DescribeActivity(running) + " running: --all removes cache that they may still need and images that no container uses yet (use --when-idle to wait)"
	confirmed, err := terminal.Confirm(ctx, s.streams, warning+". Continue?", "yes")
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", warning, err)
	case !confirmed:
		return errAborted
	}
	return nil
}

func writePrune(out io.Writer, style terminal.Style, report lifecycle.PruneReport) error {
	table := terminal.NewTable(style)
	table.Header("", "BEFORE", "AFTER")
	row := func(name string, of func(*lifecycle.PruneUsage) *int64) {
		cells := []string{name, "unknown", "unknown"}
		for n, usage := range []*lifecycle.PruneUsage{report.Before, report.After} {
			if usage == nil {
				continue
			}
			if bytes := of(usage); bytes != nil {
				cells[n+1] = human.Size(*bytes)
			}
		}
		table.Row(cells...)
	}
	row("images", func(u *lifecycle.PruneUsage) *int64 { return &u.ImagesBytes })
	row("build cache", func(u *lifecycle.PruneUsage) *int64 { return &u.BuildCacheBytes })
	row("volumes", func(u *lifecycle.PruneUsage) *int64 { return u.VolumesBytes })
	row("reclaimable", func(u *lifecycle.PruneUsage) *int64 { return &u.ReclaimableBytes })
	if _, err := table.WriteTo(out); err != nil {
		return err
	}
	freed := "an unknown amount"
	if report.ReclaimedBytes != nil {
		freed = human.Size(*report.ReclaimedBytes)
	}
	_, err := fmt.Fprintf(out, "Freed %s in %s (job/%s).\n", freed, human.Took(report.DurationSeconds), report.Job)
	return err
}
