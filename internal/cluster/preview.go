package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Preview asks the API server what Apply would come to: it goes through with
// every request, defaults, validation and admission included, and keeps
// nothing. What is as it should be is not asked about. The error joins an
// *ApplyError for each object that the server would refuse.
func (p *Plan) Preview(ctx context.Context) ([]Applied, error) {
	outcomes := make([]Applied, len(p.steps))
	failures := make([]error, len(p.steps))
	var group errgroup.Group
	for i, step := range p.steps {
		group.Go(func() error {
			outcomes[i], failures[i] = step.tried(ctx)
			return nil
		})
	}
	_ = group.Wait()
	return outcomes, errors.Join(failures...)
}

func (s planned) tried(ctx context.Context) (Applied, error) {
	if s.idle() {
		return s.outcome(s.live, false)
	}
	object, err := retried(ctx, func(ctx context.Context) (metav1.Object, error) {
		if !s.adopt || !replaceable(s.desired.Kind) {
			return s.desired.apply(ctx, true)
		}
		// Taking over is two requests, and a trial of the second would not know
		// of the first. The same result in one request is a patch.
		patch, err := s.replacement()
		if err != nil {
			return nil, err
		}
		return s.desired.patch(ctx, patch, true)
	})
	if err != nil {
		return Applied{}, &ApplyError{Ref: s.desired.Ref, Err: err}
	}
	outcome, err := s.outcome(object, true)
	if uid := bond(s.live); uid != "" { // a request of its own, not tried here
		outcome.Change = Configured
		outcome.Fields = append(outcome.Fields, FieldChange{Path: bondPath, From: uid})
	}
	if s.adopt && !replaceable(s.desired.Kind) {
		outcome.Fields = append(outcome.Fields, marksRemoved(s.live)...)
	}
	return outcome, err
}

// Predict says what Apply would come to from what has been read alone: defaults,
// validation and admission are not in it.
func (p *Plan) Predict() ([]Applied, error) {
	var outcomes []Applied
	for _, step := range p.steps {
		outcome, err := step.predicted()
		if err != nil {
			return nil, fmt.Errorf("comparing %s: %w", step.desired.Ref, err)
		}
		outcomes = append(outcomes, outcome)
	}
	return outcomes, nil
}

func (s planned) predicted() (Applied, error) {
	if s.live == nil {
		return Applied{Ref: s.desired.Ref, Change: Created}, nil
	}
	outcome, err := s.outcome(s.live, false)
	if err != nil {
		return outcome, err
	}
	for _, field := range s.fields {
		if !same(field.From, field.To) { // else only who owns it would change
			outcome.Fields = append(outcome.Fields, field)
		}
	}
	if s.adopt {
		live, _ := asMap(s.live)
		want, _ := asMap(s.desired.want)
		outcome.Fields = lacking(live, want)
		outcome.Fields = append(outcome.Fields, marksRemoved(s.live)...)
		for _, stray := range outcome.Strays {
			outcome.Fields = append(outcome.Fields, FieldChange{Path: stray, From: "present"})
		}
		outcome.Strays = nil
	} else if len(outcome.Fields) > 0 {
		outcome.Change = Configured
	}
	outcome.Fields = withoutSecrets(outcome.Fields)
	return outcome, nil
}

// marksRemoved are the marks of tools that taking the object over removes.
func marksRemoved(live metav1.Object) []FieldChange {
	var changes []FieldChange
	for _, part := range []string{"labels", "annotations"} {
		there := live.GetLabels()
		if part == "annotations" {
			there = live.GetAnnotations()
		}
		for _, mark := range toolMarks(part) {
			if value, has := there[mark]; has && mark != lastApplied {
				changes = append(changes, FieldChange{Path: "metadata." + part + "." + mark, From: value})
			}
		}
	}
	return withoutSecrets(changes)
}

// replacement is a JSON Patch that makes the live object what taking it over
// and applying would make it.
func (s planned) replacement() ([]byte, error) {
	live, err := asMap(s.live)
	if err != nil {
		return nil, err
	}
	want, err := asMap(s.desired.want)
	if err != nil {
		return nil, err
	}
	var operations []map[string]any
	set := func(path string, value any) {
		operations = append(operations, map[string]any{"op": "add", "path": path, "value": value})
	}
	for _, part := range []string{"labels", "annotations"} {
		values := merged(mapOf(child(live["metadata"], part)), mapOf(child(want["metadata"], part)))
		for _, mark := range toolMarks(part) {
			delete(values, mark)
		}
		set("/metadata/"+part, values)
	}
	for _, part := range contents() {
		switch {
		case want[part] != nil:
			set("/"+part, want[part])
		case live[part] != nil:
			operations = append(operations, map[string]any{"op": "remove", "path": "/" + part})
		}
	}
	patch, err := json.Marshal(operations)
	if err != nil {
		return nil, fmt.Errorf("encoding a patch: %w", err)
	}
	return patch, nil
}

func mapOf(v any) map[string]any {
	fields, _ := v.(map[string]any)
	return fields
}

// PreviewAdoption says what adopting would do to the objects that dindctl did
// not make. Where the server refuses to say, what was read has to do.
func PreviewAdoption(ctx context.Context, wanted []Desired, live func(Ref) metav1.Object) []Applied {
	foreign := &Plan{}
	for _, want := range wanted {
		if object := live(want.Ref); object == nil || Owned(object) {
			continue
		}
		plan, err := NewPlan([]Desired{want}, live, true)
		if err != nil {
			continue // it is being deleted
		}
		foreign.steps = append(foreign.steps, plan.steps...)
	}
	var outcomes []Applied
	for _, step := range foreign.steps {
		outcome, err := step.tried(ctx)
		if err != nil {
			outcome, err = step.predicted()
		}
		if err == nil {
			outcomes = append(outcomes, outcome)
		}
	}
	return outcomes
}
