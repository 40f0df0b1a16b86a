package lifecycle

import (
	"context"
	"errors"
	"fmt"

	"github.com/dindctl/dindctl/internal/cluster"
	"github.com/dindctl/dindctl/internal/progress"
)

// DryRun says what is asked for what would be changed; empty changes it.
type DryRun string

const (
	// DryRunClient compares with what was read and asks no further.
	DryRunClient DryRun = "client"
	// DryRunServer has the API server go through with every request, and keep
	// nothing.
	DryRunServer DryRun = "server"
)

// rehearse puts what would be done into the outcome, and changes nothing.
func (i Instance) rehearse(ctx context.Context, p prepared, how InstallOptions, outcome *Installation) error {
	return progress.Step(i.Observer, "Dry run", func(update func(string)) error {
		update("working out what would change")
		applied, err := i.foresee(ctx, p.plan, how)
		for _, a := range applied {
			i.warnOfStrays(a)
		}
		outcome.add(i.changes(applied))
		left := unwanted(p.found, p.wanted)
		for _, item := range append(left.copies, left.rest...) {
			outcome.add(i.deletions([]cluster.Ref{item.Ref}))
		}
		update(summary(outcome.Objects) + "; nothing was changed")
		if err == nil && replacesPod(applied) {
			i.foreseeRestart(ctx, p, how, outcome)
		}
		return err
	})
}

// foreseeRestart says what a restart of the daemon's pod would break now.
func (i Instance) foreseeRestart(ctx context.Context, p prepared, how InstallOptions, outcome *Installation) {
	if how.DryRun == DryRunClient { // which asks no further
		progress.Inform(i.Observer, "the daemon's pod would restart")
		return
	}
	if outcome.Restart = i.running(ctx, p.found.Deployment); outcome.Restart != nil {
		i.tellRestart(outcome.Restart, "would restart", "")
	}
}

func (i Instance) foresee(ctx context.Context, plan *cluster.Plan, how InstallOptions) ([]cluster.Applied, error) {
	if how.DryRun == DryRunClient {
		return plan.Predict()
	}
	applied, err := plan.Preview(ctx)
	if err != nil && cluster.NamespaceMissing(err) && how.CreateNamespace {
		progress.Warn(i.Observer, fmt.Sprintf("namespace %s would be created; before it exists the server cannot be asked about the objects in it", i.Cluster.Namespace))
		return plan.Predict()
	}
	return applied, err
}

// withPreviews adds to the error of objects that are not dindctl's what
// adopting them would change, as far as the server tells.
func (i Instance) withPreviews(ctx context.Context, err error, p prepared) error {
	var foreign *cluster.NotOwnedError
	if errors.As(err, &foreign) {
		foreign.Previews = cluster.PreviewAdoption(ctx, p.wanted, lookup(p.found))
	}
	return err
}
