package lifecycle

import (
	"context"
	"errors"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
)

// addReplicas adds the states of the other replicas of the installation with this
// Deployment. The error is context.Canceled.
func (i Instance) addReplicas(ctx context.Context, deployment *appsv1.Deployment, status *Status) error {
	others := i.replicas(deployment)[1:]
	if len(others) == 0 {
		return nil
	}
	status.Replicas = make([]Status, len(others))
	var examining sync.WaitGroup
	for n, replica := range others {
		examining.Go(func() {
			one, _, err := replica.statusOfOne(ctx)
			if err != nil {
				one.Problems = append(one.Problems, replica.unknownState(err))
			}
			status.Replicas[n] = one
		})
	}
	examining.Wait()
	for _, replica := range status.Replicas {
		status.Healthy = status.Healthy && replica.Healthy
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return nil
}

// unknownState returns the problem of an installation that could not be examined.
func (i Instance) unknownState(err error) Problem {
	problem := Problem{
		Object: "deployment/" + i.Name, Reason: "StatusUnknown", Severity: SeverityError,
		Message: "The installation could not be examined: " + err.Error(),
		Hint:    hintFor(err, "read its objects", "`dindctl status` tries again."),
	}
	var missing *NotInstalledError
	if errors.As(err, &missing) {
		problem.Reason, problem.Message = "ReplicaMissing", "There is no replica "+i.Name+": the builds of its projects go to the others."
		problem.Hint = "`dindctl install --reuse-options` installs it; if its claim still exists, with its cache."
	}
	return problem
}
