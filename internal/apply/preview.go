package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

// Preview returns what Apply would do, according to the API server's answers to
// dry runs, which include defaults, validation and admission. It sends nothing for
// objects that are up to date. The error joins a *kube.ApplyError for each object that the
// server would refuse; the outcomes of the others are returned.
func (p *Plan) Preview(ctx context.Context) ([]Applied, error) {
	outcomes := make([]Applied, len(p.steps))
	failures := make([]error, len(p.steps))
	var asking sync.WaitGroup
	for i, s := range p.steps {
		asking.Go(func() { outcomes[i], failures[i] = s.preview(ctx) })
	}
	asking.Wait()
	return outcomes, errors.Join(failures...)
}

func (s step) preview(ctx context.Context) (Applied, error) {
	if s.upToDate() {
		return s.outcome(s.live, false)
	}
	object, err := s.dryRun(ctx)
	if err != nil {
		return Applied{Ref: s.ref}, &kube.ApplyError{Ref: s.ref, Err: err}
	}
	outcome, err := s.outcome(object, true)
	// A separate request, which is not part of the dry run; a replacement is one request.
	if corrected := corrections(s.live, s.want); corrected != nil && !s.replaces() {
		if outcome.Change == Unchanged {
			outcome.Change = Configured
		}
		outcome.Fields = append(outcome.Fields, corrected...)
	}
	if s.adopt && !s.replaceable {
		outcome.Fields = append(outcome.Fields, removedMarks(s.live)...)
	}
	return outcome, err
}

// replaces reports whether the dry run is one patch: adopting, and correcting a port,
// takes two requests, and a dry run of the second would not see the first.
func (s step) replaces() bool {
	return s.replaceable && (s.adopt || slices.ContainsFunc(corrections(s.live, s.want), func(f FieldChange) bool {
		return strings.HasPrefix(f.Path, "spec.ports.")
	}))
}

func (s step) dryRun(ctx context.Context) (metav1.Object, error) {
	if !s.replaces() {
		return s.client.Apply(ctx, s.want, "", true)
	}
	patch, err := s.replacement()
	if err != nil {
		return nil, err
	}
	return s.client.Patch(ctx, s.ref.Name, patch, true)
}

// Creations returns the outcomes for the objects that do not exist. It replaces
// Preview in a namespace that does not exist, where a dry run is impossible.
func (p *Plan) Creations() []Applied {
	var outcomes []Applied
	for _, s := range p.steps {
		if s.live == nil {
			outcomes = append(outcomes, Applied{Ref: s.ref, Change: Created})
		}
	}
	return outcomes
}

// PreviewAdoption returns what adopting would do to the objects that dindctl
// does not manage. Objects whose dry run the API server refuses have no fields.
func PreviewAdoption[O Config](ctx context.Context, c *kube.Cluster, wanted []O, live kube.Inventory) []Applied {
	adoption := &Plan{}
	for _, want := range wanted {
		if object := live.Find(RefOf(want)); object == nil || kube.IsManaged(object) {
			continue
		}
		plan, err := NewPlan(c, []O{want}, live, true)
		if err != nil {
			continue // it is being deleted
		}
		adoption.steps = append(adoption.steps, plan.steps...)
	}
	outcomes, _ := adoption.Preview(ctx)
	for i := range outcomes {
		outcomes[i].Change = Adopted
	}
	return outcomes
}

// removedMarks returns the marks of other tools that adopting the object removes.
func removedMarks(live metav1.Object) []FieldChange {
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
	return withoutSecrets(changes, nil, nil)
}

// replacement returns a JSON Patch with the same result as taking over all of the object.
func (s step) replacement() ([]byte, error) {
	live, err := kube.Fields(s.live)
	if err != nil {
		return nil, err
	}
	want, err := kube.Fields(s.want)
	if err != nil {
		return nil, err
	}
	var operations []map[string]any
	set := func(path string, value any) {
		operations = append(operations, map[string]any{"op": "add", "path": path, "value": value})
	}
	for _, part := range []string{"labels", "annotations"} {
		values := merged(fieldsOf(fieldsOf(live["metadata"])[part]), fieldsOf(fieldsOf(want["metadata"])[part]))
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
