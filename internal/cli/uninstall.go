package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/dindctl/dindctl/internal/lifecycle"
	"github.com/dindctl/dindctl/internal/terminal"
)

func (p *program) uninstallCommand() *cli.Command {
	return &cli.Command{
		Name:      "uninstall",
		Usage:     "remove what dindctl made; the cache volume stays unless --delete-data",
		UsageText: "dindctl uninstall [options]",
		Flags: []cli.Flag{
			switchFlag("delete-data", "delete the claim, and with it the cache, too"),
			switchFlag("yes", "do not ask before deleting the cache", "y"),
			switchFlag("dry-run", "say what would be removed and remove nothing"),
		},
		Action: p.uninstall,
	}
}

func (p *program) uninstall(c *cli.Context) error {
	s := p.session(c)
	if err := s.checked(c); err != nil {
		return err
	}
	var outcome lifecycle.Uninstallation
	dryRun := s.on("dry-run")
	var removal lifecycle.Removal
	err := s.with(c.Context, func(ctx context.Context, i lifecycle.Instance) (err error) {
		removal, err = i.PlanRemoval(ctx, s.on("delete-data"))
		outcome = removal.Outcome()
		return err
	})
	if err != nil {
		return err
	}
	if !dryRun {
		// Asked between the two, so that the time to answer is not the command's.
		if removal.DeletesData() && !s.on("yes") {
			if err := s.confirmDeletion(c.Context, outcome); err != nil {
				return err
			}
		}
		err := s.with(c.Context, func(ctx context.Context, i lifecycle.Instance) (err error) {
			outcome, err = i.Remove(ctx, removal)
			return err
		})
		if err != nil {
			return err
		}
	}
	return s.print(outcome, func(out io.Writer) error { return writeUninstall(out, outcome, dryRun) })
}

// confirmDeletion asks for the name of the installation: a cache that took
// weeks to fill is not to be lost to a habit of pressing y.
func (s *session) confirmDeletion(ctx context.Context, outcome lifecycle.Uninstallation) error {
	question := fmt.Sprintf("This deletes %s in namespace %s and the build cache on its volume for good.", outcome.Name, outcome.Namespace)
	confirmed, err := terminal.Confirm(ctx, s.streams, question, outcome.Name)
	if err != nil {
		return err
	}
	if !confirmed {
		return errNotConfirmed
	}
	return nil
}

func writeUninstall(out io.Writer, outcome lifecycle.Uninstallation, dryRun bool) error {
	done := "removed"
	if dryRun {
		done = "would be removed"
	}
	for _, object := range outcome.Removed {
		fmt.Fprintf(out, "%s %s\n", located(object.Kind, object.Name, object.Namespace), done)
	}
	if len(outcome.Removed) == 0 {
		fmt.Fprintln(out, "nothing to remove")
	}
	for _, object := range outcome.Kept {
		fmt.Fprintf(out, "%s kept (%s)\n", located(object.Kind, object.Name, object.Namespace), object.Reason)
	}
	return nil
}

// located names an object, and the namespace of one that is elsewhere.
func located(kind, name, namespace string) string {
	text := strings.ToLower(kind) + "/" + terminal.Sanitize(name)
	if namespace != "" {
		text += " in namespace " + namespace
	}
	return text
}
