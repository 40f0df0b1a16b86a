package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/dindctl/dindctl/internal/human"
	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/terminal"
)

func (p *program) uninstallCommand() *cli.Command {
	return &cli.Command{
		Name:      "uninstall",
		Usage:     "delete the objects that dindctl created; keeps the cache volume unless --delete-data is given",
		UsageText: "dindctl uninstall [options]",
		Flags: []cli.Flag{
			switchFlag("delete-data", "also delete the claim, and the cache with it"),
			switchFlag("yes", "delete the cache without asking for confirmation", "y"),
			switchFlag("dry-run", "list what would be removed, without removing it"),
		},
		Action: p.uninstall,
	}
}

func (p *program) uninstall(c *cli.Context) error {
	s := p.session(c)
	if err := s.validate(c); err != nil {
		return err
	}
	removal, err := with(c.Context, s, func(ctx context.Context, i lifecycle.Instance) (lifecycle.Removal, error) {
		return i.PlanRemoval(ctx, s.on("delete-data"))
	})
	if err != nil {
		return err
	}
	outcome := removal.Outcome()
	dryRun := s.on("dry-run")
	if !dryRun {
		// Outside with, so that --timeout does not include the time to answer.
		if removal.DeletesData() && !s.on("yes") {
			if err := s.confirmDeletion(c.Context, removal); err != nil {
				return err
			}
		}
		outcome, err = with(c.Context, s, func(ctx context.Context, i lifecycle.Instance) (lifecycle.Uninstallation, error) {
			return i.Remove(ctx, removal)
		})
		if err != nil {
			return err
		}
	}
	return s.print(outcome, func(out io.Writer) error { return writeUninstall(out, outcome, dryRun) })
}

// confirmDeletion asks the user to type the name of the installation: pressing
// y out of habit must not delete a cache that took weeks to fill. Names are the same in
// staging and production, so the question names the cluster and the claim.
func (s *session) confirmDeletion(ctx context.Context, removal lifecycle.Removal) error {
	outcome := removal.Outcome()
	question := fmt.Sprintf("This permanently deletes %s in %s, and the build cache", outcome.Name, s.cluster.Where())
	for n, claim := range removal.Claims() {
		separator := ": "
		if n > 0 {
			separator = "; "
		}
		question += fmt.Sprintf("%sclaim %s, %s, %s old", separator, claim.Name, claim.Size, human.Duration(s.program.now().Sub(claim.Created)))
	}
	question += "."
	confirmed, err := terminal.Confirm(ctx, s.streams, question, outcome.Name)
	if err != nil {
		return err
	}
	if !confirmed {
		return errAborted
	}
	return nil
}

func writeUninstall(out io.Writer, outcome lifecycle.Uninstallation, dryRun bool) error {
	done := "removed"
	if dryRun {
		done = "would be removed"
	}
	for _, object := range outcome.Removed {
		fmt.Fprintf(out, "%s %s\n", shownRef(object.Kind, object.Name, object.Namespace), done)
	}
	if len(outcome.Removed) == 0 {
		fmt.Fprintln(out, "nothing to remove")
	}
	for _, object := range outcome.Kept {
		fmt.Fprintf(out, "%s kept (%s)\n", shownRef(object.Kind, object.Name, object.Namespace), object.Reason)
	}
	return nil
}

func shownRef(kind, name, namespace string) string {
	return terminal.Sanitize(lifecycle.ObjectChange{Kind: kind, Name: name, Namespace: namespace}.Ref())
}
