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
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// Change says what applying did to an object.
type Change string

// What applying can do to an object.
const (
	Created    Change = "created"
	Configured Change = "configured"
	Unchanged  Change = "unchanged"
)

// Applied is the outcome for one object.
type Applied struct {
	Ref    Ref
	Change Change
	Fields []FieldChange // what was changed, for Configured
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

// Plan is what applying would do: which objects are missing, which differ and
// in which fields.
type Plan struct {
	steps []planned
}

type planned struct {
	desired Desired
	live    metav1.Object // nil where there is none
	fields  []FieldChange
}

// NewPlan decides, without sending anything, what applying would do. live gives
// the object as it is now, nil where there is none. It returns a
// *NotOwnedError that lists every object that exists and is not dindctl's, or
// a *TerminatingError for one that is being deleted; nothing must be applied
// then.
func NewPlan(wanted []Desired, live func(Ref) metav1.Object) (*Plan, error) {
	plan := &Plan{}
	foreign := &NotOwnedError{}
	for _, want := range wanted {
		step := planned{desired: want, live: live(want.Ref)}
		if step.live != nil {
			if !Owned(step.live) || otherInstance(step.live, want.want) {
				foreign.Refs = append(foreign.Refs, want.Ref)
				continue
			}
			if step.live.GetDeletionTimestamp() != nil {
				return nil, &TerminatingError{Ref: want.Ref, Finalizers: step.live.GetFinalizers()}
			}
			fields, err := difference(step.live, want.want)
			if err != nil {
				return nil, fmt.Errorf("comparing %s: %w", want.Ref, err)
			}
			step.fields = fields
		}
		plan.steps = append(plan.steps, step)
	}
	if len(foreign.Refs) > 0 {
		return nil, foreign
	}
	return plan, nil
}

// Owned tells whether an object carries dindctl's label.
func Owned(object metav1.Object) bool { return object.GetLabels()[ManagedByLabel] == ManagedBy }

// otherInstance tells whether the live object belongs to another installation
// than the wanted one: names of objects without a namespace are put together
// from two names, and two pairs may come to the same.
func otherInstance(live metav1.Object, want any) bool {
	fields, err := asMap(want)
	if err != nil {
		return false
	}
	instance, named, _ := unstructured.NestedString(fields, "metadata", "labels", InstanceLabel)
	return named && live.GetLabels()[InstanceLabel] != instance
}

func difference(live metav1.Object, want any) ([]FieldChange, error) {
	liveFields, err := asMap(live)
	if err != nil {
		return nil, err
	}
	wantFields, err := asMap(want)
	if err != nil {
		return nil, err
	}
	return changedFields(liveFields, wantFields, live.GetManagedFields())
}

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
			if phaseOf(step.desired.Ref) != phase {
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
func phaseOf(ref Ref) int {
	switch {
	case ref.Namespace == "":
		return 0
	case ref.Kind == "Deployment":
		return 2
	}
	return 1
}

func (s planned) run(ctx context.Context) (Applied, error) {
	outcome := Applied{Ref: s.desired.Ref, Change: Unchanged, Object: s.live}
	if s.live != nil && len(s.fields) == 0 {
		return outcome, nil
	}
	object, err := retried(ctx, s.desired.apply)
	if err != nil {
		return Applied{}, &ApplyError{Ref: s.desired.Ref, Err: err}
	}
	outcome.Object = object
	switch {
	case s.live == nil || s.live.GetUID() != object.GetUID():
		outcome.Change = Created
	case s.live.GetResourceVersion() != object.GetResourceVersion():
		outcome.Change, outcome.Fields = Configured, s.fields
	}
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

// Empty tells that there is nothing to apply.
func (p *Plan) Empty() bool {
	for _, step := range p.steps {
		if step.live == nil || len(step.fields) > 0 {
			return false
		}
	}
	return true
}

// Summary says in a few words what Apply would do.
func (p *Plan) Summary() string {
	missing, different := 0, 0
	for _, step := range p.steps {
		switch {
		case step.live == nil:
			missing++
		case len(step.fields) > 0:
			different++
		}
	}
	switch {
	case missing == 0 && different == 0:
		return "everything is in place"
	case different == 0:
		return fmt.Sprintf("%d of %d objects to create", missing, len(p.steps))
	default:
		return fmt.Sprintf("%d of %d objects to create, %d to change", missing, len(p.steps), different)
	}
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
