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
// nothing. What is as it should be is not asked about. Objects is nil in the
// outcomes for what does not exist yet. The error joins an *ApplyError for each
// object that the server would refuse.
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
		if !s.adopt {
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
	return s.outcome(object, true)
}

// Predict says what Apply would come to from what has been read alone: defaults,
// validation and admission are not in it.
func (p *Plan) Predict() ([]Applied, error) {
	var outcomes []Applied
	for _, step := range p.steps {
		outcome := Applied{Ref: step.desired.Ref, Change: Created}
		if step.live != nil {
			outcome.Change, outcome.Object = Unchanged, step.live
			live, err := asMap(step.live)
			if err != nil {
				return nil, err
			}
			want, err := asMap(step.desired.want)
			if err != nil {
				return nil, err
			}
			for _, field := range step.fields {
				if !same(field.From, field.To) {
					outcome.Fields = append(outcome.Fields, field)
				}
			}
			outcome.Fields = withoutSecrets(outcome.Fields)
			outcome.Strays = strays(live, want)
			switch {
			case step.adopt:
				outcome.Change = Adopted
				for _, stray := range outcome.Strays {
					outcome.Fields = append(outcome.Fields, FieldChange{Path: stray, From: "(removed)"})
				}
				outcome.Strays = nil
			case len(outcome.Fields) > 0:
				outcome.Change = Configured
			}
		}
		outcomes = append(outcomes, outcome)
	}
	return outcomes, nil
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
		case !replaceable(s.desired.Kind) && want[part] != nil:
			set("/"+part, overlaid(live[part], want[part]))
		case want[part] != nil:
			set("/"+part, want[part])
		case replaceable(s.desired.Kind) && live[part] != nil:
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

// overlaid is under, with the fields of over put in.
func overlaid(under, over any) any {
	fields, is := over.(map[string]any)
	if !is {
		return over
	}
	result := merged(mapOf(under), nil)
	for key, value := range fields {
		result[key] = overlaid(result[key], value)
	}
	return result
}
