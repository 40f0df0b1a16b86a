package lifecycle

import (
	"context"

	"github.com/dindctl/dindctl/internal/progress"
)

// preflight runs the checks that ask the cluster. What they warn of is told;
// what fails ends the installation before it changed anything.
func (i Instance) preflight(ctx context.Context, input checkInput) error {
	results := runChecks(ctx, preflight(), input)
	if err := ctx.Err(); err != nil {
		return err
	}
	if failed := failedChecks(results); len(failed) > 0 {
		return &CheckFailedError{Failed: failed}
	}
	for _, result := range results {
		if result.Verdict == VerdictWarning {
			progress.Warn(i.Observer, result.Name+": "+result.Reason)
		}
	}
	return nil
}
