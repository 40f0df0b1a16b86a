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
		Usage:     "run the scheduled clean-up now and report what it freed",
		UsageText: "dindctl prune-now [options]",
		Description: "Runs a Job made from the scheduled clean-up, with what the schedule was installed with\n" +
			"(--prune-unused-for) unless an option says otherwise, and waits for it. A clean-up that is\n" +
			"under way already is waited for. With -v, the Job's log is shown as it is written.",
		Flags: []cli.Flag{
			switchFlag("all", "remove everything that is unused, however recently it was used"),
			text("unused-for", "remove what has not been used for so long (default: as installed)", "DURATION"),
			text("keep-storage", "keep so much of the build cache, the last used first, whatever its age", "SIZE"),
			switchFlag("when-idle", "wait first until no build and no container runs"),
			switchFlag("yes", "with --all, do not ask although builds or containers run", "y"),
			switchFlag("dry-run", "list what would be removed and remove nothing"),
		},
		Action: p.pruneNow,
	}
}

func (p *program) pruneNow(c *cli.Context) error {
	s := p.session(c)
	overrides := dind.PruneOverrides{All: s.on("all"), UnusedFor: s.text("unused-for", ""), KeepStorage: s.text("keep-storage", "")}
	var err error
	if s.problems, err = collect(s.problems, overrides.Validate()); err != nil {
		return err
	}
	dryRun, whenIdle := s.on("dry-run"), s.on("when-idle")
	if dryRun && whenIdle {
		s.problems = append(s.problems, &dind.OptionError{
			Option: "--when-idle", Reason: "has no effect together with --dry-run", Hint: "Leave one of the two out.",
		})
	}
	if err := s.checked(c); err != nil {
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
	var report lifecycle.PruneReport
	err = s.with(c.Context, func(ctx context.Context, i lifecycle.Instance) (err error) {
		report, err = i.PruneNow(ctx, lifecycle.PruneOptions{Overrides: overrides, WhenIdle: whenIdle, Log: s.jobLog(i.Observer)})
		return err
	})
	if err != nil {
		return err
	}
	return s.print(report, func(out io.Writer) error { return writePrune(out, s.streams.OutStyle(), report) })
}

// confirmAll asks before everything unused is removed while something runs: a
// build loses what it has not come to yet, and an image that a pipeline has built
// and not pushed goes.
func (s *session) confirmAll(ctx context.Context) error {
	var runs daemon.Activity
	err := s.with(ctx, func(ctx context.Context, i lifecycle.Instance) (err error) {
		runs, err = i.PruneActivity(ctx)
		return err
	})
	if err != nil || runs.Idle() {
		return err
	}
	warning := lifecycle.DescribeActivity(runs) + " running: --all removes the cache that they may still need, and images that no container has yet (--when-idle waits for them)"
	confirmed, err := terminal.Confirm(ctx, s.streams, warning+". Go on?", "yes")
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", warning, err)
	case !confirmed:
		return errNotConfirmed
	}
	return nil
}

func writePrune(out io.Writer, style terminal.Style, report lifecycle.PruneReport) error {
	table := terminal.NewTable(style)
	table.Header("", "BEFORE", "AFTER")
	row := func(name string, of func(*lifecycle.PruneUsage) int64) {
		cells := []string{name, "unknown", "unknown"}
		for n, usage := range []*lifecycle.PruneUsage{report.Before, report.After} {
			if usage != nil {
				cells[n+1] = human.Size(of(usage))
			}
		}
		table.Row(cells...)
	}
	row("images", func(u *lifecycle.PruneUsage) int64 { return u.ImagesBytes })
	row("build cache", func(u *lifecycle.PruneUsage) int64 { return u.BuildCacheBytes })
	row("reclaimable", func(u *lifecycle.PruneUsage) int64 { return u.ReclaimableBytes })
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
