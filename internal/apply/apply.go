// Package apply brings a cluster's objects into the wanted state by server-side
// apply: it plans what is missing or different, previews the plan as a dry run,
// applies it phase by phase, and takes over the fields of objects that it adopts.
package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/dindctl/dindctl/internal/kube"
)

// Change is what applying did to an object.
type Change string

// What applying can do to an object.
const (
	Created    Change = "created"
	Configured Change = "configured"
	Unchanged  Change = "unchanged"
	// Adopted objects were not managed by dindctl before.
	Adopted Change = "adopted"
)

// Applied is the outcome for one object.
type Applied struct {
	Ref    kube.Ref
	Change Change
	Fields []FieldChange // what changed, for Configured and Adopted
	// Unmanaged are entries that others added to the object's lists, such as a
	// container or a volume. Applying does not change them.
	Unmanaged []string
	// Kept are other fields of the specification that others set, with their
	// manager: "spec.template.spec.nodeName, set by kubectl-edit". Applying does not
	// change them.
	Kept []string
	// Object is the object as the server holds it now.
	Object metav1.Object
}

// Apply applies missing and changed objects, phase by phase and concurrently
// within a phase. It calls done, possibly concurrently, for each object. It
// returns the outcomes in the order of the plan; on error, those so far, and
// applying again continues from there. The error joins a *kube.ApplyError for
// each object that the server refused.
func (p *Plan) Apply(ctx context.Context, done func(Applied)) ([]Applied, error) {
	outcomes := make([]Applied, len(p.steps))
	failures := make([]error, len(p.steps))
	for phase := range kube.Phases {
		if phase == kube.Phases-1 && p.BeforeLast != nil {
			p.BeforeLast(ctx, outcomes)
		}
		var applying sync.WaitGroup
		for i, s := range p.steps {
			if s.phase != phase {
				continue
			}
			applying.Go(func() {
				if outcomes[i], failures[i] = s.run(ctx); failures[i] == nil {
					done(outcomes[i])
				}
			})
		}
		applying.Wait()
		if err := errors.Join(failures...); err != nil {
			return slices.DeleteFunc(outcomes, func(a Applied) bool { return a.Object == nil }), err
		}
	}
	return outcomes, nil
}

func (s step) run(ctx context.Context) (Applied, error) {
	if s.upToDate() {
		return s.outcome(s.live, false)
	}
	object, err := s.send(ctx)
	if err != nil {
		return Applied{}, &kube.ApplyError{Ref: s.ref, Err: err}
	}
	return s.outcome(object, s.live != nil && s.live.GetResourceVersion() != object.GetResourceVersion())
}

// send sends the requests that apply the object.
func (s step) send(ctx context.Context) (metav1.Object, error) {
	if s.adopt {
		if err := s.takeOver(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.correct(ctx); err != nil {
		return nil, err
	}
	version := ""
	switch {
	case !s.exclusive || s.adopt:
	case s.live != nil:
		version = s.live.GetResourceVersion()
	default:
		if err := s.client.Create(ctx, s.want); err != nil {
			return nil, err
		}
	}
	return s.client.Apply(ctx, s.want, version, false)
}

// outcome compares the object after the request with the object before it.
func (s step) outcome(object metav1.Object, changed bool) (Applied, error) {
	outcome := Applied{Ref: s.ref, Change: Unchanged, Object: object}
	if s.live == nil || s.live.GetUID() != object.GetUID() {
		outcome.Change = Created
		return outcome, nil
	}
	if changed {
		var err error
		if outcome.Fields, err = changedBetween(s.live, object); err != nil {
			return Applied{}, fmt.Errorf("comparing %s: %w", s.ref, err)
		}
	}
	switch {
	case s.adopt:
		outcome.Change = Adopted
	case len(outcome.Fields) > 0: // else only ownership or the status changed
		outcome.Change = Configured
	}
	live, err := kube.Fields(object)
	if err != nil {
		return Applied{}, err
	}
	want, err := kube.Fields(s.want)
	if err != nil {
		return Applied{}, err
	}
	outcome.Unmanaged = unmanaged(live, want)
	outcome.Kept, err = kept(live, want, object.GetManagedFields())
	return outcome, err
}

// Raced reports whether applying failed because another run wrote the same
// Secret at the same time.
func Raced(err error) bool {
	var refused *kube.ApplyError
	return errors.As(err, &refused) && kube.KindOf(refused.Ref.Kind).Exclusive &&
		(apierrors.IsConflict(refused.Err) || apierrors.IsAlreadyExists(refused.Err))
}

// Annotate sets an annotation of a Deployment and nothing else. The error is a
// *kube.ApplyError.
func Annotate(ctx context.Context, c *kube.Cluster, deployment, key, value string) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{key: value}}})
	if err != nil {
		return fmt.Errorf("encoding an annotation: %w", err)
	}
	_, err = kube.Retry(ctx, func(ctx context.Context) (metav1.Object, error) {
		return c.Client.AppsV1().Deployments(c.Namespace).Patch(ctx, deployment, types.MergePatchType, patch,
			metav1.PatchOptions{FieldManager: kube.FieldManager})
	})
	if err != nil {
		return &kube.ApplyError{Ref: kube.Ref{Kind: "Deployment", Namespace: c.Namespace, Name: deployment}, Err: err}
	}
	return nil
}
