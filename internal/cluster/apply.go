package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Change says what applying did to an object.
type Change string

// What applying can do to an object.
const (
	Created    Change = "created"
	Configured Change = "configured"
	Unchanged  Change = "unchanged"
	// Adopted objects were somebody else's before.
	Adopted Change = "adopted"
)

// Applied is the outcome for one object.
type Applied struct {
	Ref    Ref
	Change Change
	Fields []FieldChange // what was changed, for Configured and Adopted
	// Strays are what somebody added to the object's lists and applying leaves
	// alone: a container beside ours, a volume, a variable.
	Strays []string
	// Object is the object as the server holds it now.
	Object metav1.Object
}

// ApplyError says which object the API server would not take. Err is the
// server's own answer.
type ApplyError struct {
	Ref Ref
	Err error
}

func (e *ApplyError) Error() string { return fmt.Sprintf("applying %s: %v", e.Ref, e.Err) }

// Unwrap gives the server's answer.
func (e *ApplyError) Unwrap() error { return e.Err }

// Apply sends what the plan found to be missing or different, as much at once as
// depends on nothing else, and nothing for what is already as it should be. done is told of each, from several goroutines. The outcomes come
// in the plan's order, on failure those that there are. The error joins an *ApplyError for each object that was refused; what
// was applied stays, and applying again continues from there.
func (p *Plan) Apply(ctx context.Context, done func(Applied)) ([]Applied, error) {
	outcomes := make([]Applied, len(p.steps))
	failures := make([]error, len(p.steps))
	for phase := range phases {
		var group errgroup.Group
		for i, step := range p.steps {
			if phaseOf(step.desired) != phase {
				continue
			}
			group.Go(func() error {
				outcomes[i], failures[i] = step.run(ctx)
				if failures[i] == nil {
					done(outcomes[i])
				}
				return nil
			})
		}
		_ = group.Wait()
		if err := errors.Join(failures...); err != nil {
			return slices.DeleteFunc(outcomes, func(a Applied) bool { return a.Object == nil }), err
		}
	}
	return outcomes, nil
}

// phases is how many rounds Apply takes.
const phases = 3

// phaseOf is the round in which an object is applied. What has no namespace is
// the storage that a claim needs: a claim that is seen before its class is
// looked at again only at the next resync. And a pod that is made before its
// claim or its configuration is put off, with events that look like trouble.
func phaseOf(d Desired) int {
	switch {
	case d.Namespace == "":
		return 0
	case d.Kind == "Deployment" || d.last:
		return 2
	}
	return 1
}

func (s planned) run(ctx context.Context) (Applied, error) {
	if s.idle() {
		return s.outcome(s.live, false)
	}
	if s.adopt {
		if err := s.desired.takeOver(ctx, s.live); err != nil {
			return Applied{}, &ApplyError{Ref: s.desired.Ref, Err: err}
		}
	}
	if bond(s.live) != "" {
		if err := s.desired.unbind(ctx, s.live); err != nil {
			return Applied{}, &ApplyError{Ref: s.desired.Ref, Err: err}
		}
	}
	wanted, err := s.claimed(ctx)
	if err != nil {
		return Applied{}, &ApplyError{Ref: s.desired.Ref, Err: err}
	}
	object, err := retried(ctx, func(ctx context.Context) (metav1.Object, error) { return wanted.apply(ctx, false) })
	if err != nil {
		return Applied{}, &ApplyError{Ref: s.desired.Ref, Err: err}
	}
	return s.outcome(object, s.live != nil && s.live.GetResourceVersion() != object.GetResourceVersion())
}

// claimed makes sure that nobody else has written what must have one author since
// it was read. The error is a conflict, or that there is one already.
func (s planned) claimed(ctx context.Context) (Desired, error) {
	switch {
	case s.desired.create == nil || s.adopt:
		return s.desired, nil
	case s.live != nil:
		return s.desired.at(s.live.GetResourceVersion()), nil
	}
	// Server-side apply knows no "only if there is none".
	_, err := retried(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, s.desired.create(ctx) })
	return s.desired, err
}

// outcome compares the object as it is after the request with what was there.
func (s planned) outcome(object metav1.Object, moved bool) (Applied, error) {
	outcome := Applied{Ref: s.desired.Ref, Change: Unchanged, Object: object}
	if s.live == nil || s.live.GetUID() != object.GetUID() {
		outcome.Change = Created
		return outcome, nil
	}
	if moved {
		var err error
		if outcome.Fields, err = changedBetween(s.live, object); err != nil {
			return Applied{}, fmt.Errorf("comparing %s: %w", outcome.Ref, err)
		}
	}
	switch {
	case s.adopt:
		outcome.Change = Adopted
	case len(outcome.Fields) > 0: // else only who owns a field, or a status
		outcome.Change = Configured
	}
	live, err := asMap(object)
	if err != nil {
		return Applied{}, err
	}
	want, err := asMap(s.desired.want)
	if err != nil {
		return Applied{}, err
	}
	outcome.Strays = strays(live, want)
	return outcome, nil
}

// NamespaceMissing tells whether err is the API server's answer to a request
// in a namespace that does not exist.
func NamespaceMissing(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || !apierrors.IsNotFound(err) {
		return false
	}
	details := status.Status().Details
	return details != nil && details.Kind == "namespaces"
}

// Annotate sets an annotation of a Deployment and nothing else.
func (c *Cluster) Annotate(ctx context.Context, deployment, key, value string) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{key: value}}})
	if err != nil {
		return fmt.Errorf("encoding an annotation: %w", err)
	}
	_, err = retried(ctx, func(ctx context.Context) (metav1.Object, error) {
		return c.Client.AppsV1().Deployments(c.Namespace).Patch(ctx, deployment, types.MergePatchType, patch,
			metav1.PatchOptions{FieldManager: FieldManager})
	})
	if err != nil {
		return &ApplyError{Ref: Ref{"Deployment", c.Namespace, deployment}, Err: err}
	}
	return nil
}
