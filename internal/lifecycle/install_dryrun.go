package lifecycle

import (
	"context"
	"fmt"

	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/progress"
)

// dryRun puts what would change into the outcome, and changes nothing.
func (i Instance) dryRun(ctx context.Context, p plan, how InstallOptions, outcome *Installation) error {
	outcome.DryRun = "server"
	return progress.Step(i.Observer, "Dry run", func(update func(string)) error {
		update("finding out what would change")
		applied, err := p.Preview(ctx)
		if kube.NamespaceMissing(err) && how.CreateNamespace {
			progress.Warn(i.Observer, fmt.Sprintf("namespace %s would be created; until it exists, the server cannot preview the objects in it", i.Cluster.Namespace))
			applied, err = p.Creations(), nil
		}
		for _, a := range applied {
			i.warnOfUnmanaged(a)
		}
		outcome.add(i.changes(applied))
		unwanted := p.unwanted()
		for _, item := range append(unwanted.copies, unwanted.rest...) {
			outcome.add(i.deletions([]kube.Ref{item.Ref}))
		}
		update(summary(outcome.Objects) + "; nothing was changed")
		if err == nil && replacesPod(applied) {
			if outcome.Restart = i.running(ctx, p.found.deployment()); outcome.Restart != nil {
				i.reportRestart(outcome.Restart, true, "")
			}
		}
		return err
	})
}
