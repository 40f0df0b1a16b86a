package cluster

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Plan is what applying would do: which objects are missing, which differ and
// in which fields, and which are somebody else's and would be taken over.
type Plan struct {
	steps []planned
}

type planned struct {
	desired Desired
	live    metav1.Object // nil where there is none
	// fields are what the ownership set says; the server may know better.
	fields []FieldChange
	// adopt says that the object is somebody else's until now.
	adopt bool
}

// NewPlan decides, without sending anything, what applying would do. live gives
// the object as it is now, nil where there is none. With adopt, objects that
// dindctl did not make are taken over; without, it returns a *NotOwnedError
// that lists every one of them. It returns a *TerminatingError for one that is
// being deleted. Nothing must be applied then.
//
// What another installation of dindctl owns is never taken over.
func NewPlan(wanted []Desired, live func(Ref) metav1.Object, adopt bool) (*Plan, error) {
	plan := &Plan{}
	foreign := &NotOwnedError{}
	for _, want := range wanted {
		step := planned{desired: want, live: live(want.Ref)}
		if step.live != nil {
			owned := Owned(step.live)
			if owned && otherInstance(step.live, want.want) || !owned && !adopt {
				foreign.Refs = append(foreign.Refs, want.Ref)
				continue
			}
			if step.live.GetDeletionTimestamp() != nil {
				return nil, &TerminatingError{Ref: want.Ref, UID: step.live.GetUID(), Finalizers: step.live.GetFinalizers()}
			}
			fields, err := difference(step.live, want.want)
			if err != nil {
				return nil, fmt.Errorf("comparing %s: %w", want.Ref, err)
			}
			if uid := bond(step.live); uid != "" {
				fields = append(fields, FieldChange{Path: bondPath, From: uid})
			}
			step.fields, step.adopt = fields, !owned
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
	labels, _, _ := unstructured.NestedStringMap(fields, "metadata", "labels")
	instance, named := labels[InstanceLabel]
	return named && live.GetLabels()[InstanceLabel] != instance || live.GetLabels()[HomeLabel] != labels[HomeLabel]
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

// Only is the part of the plan that is about one kind.
func (p *Plan) Only(kind string) *Plan {
	part := &Plan{}
	for _, step := range p.steps {
		if step.desired.Kind == kind {
			part.steps = append(part.steps, step)
		}
	}
	return part
}

// Empty tells that there is nothing to apply.
func (p *Plan) Empty() bool {
	for _, step := range p.steps {
		if !step.idle() {
			return false
		}
	}
	return true
}

// idle tells that the object is as it should be.
func (s planned) idle() bool {
	return s.live != nil && len(s.fields) == 0 && !s.adopt
}

// Summary says in a few words what Apply would do.
func (p *Plan) Summary() string {
	missing, foreign, different := 0, 0, 0
	for _, step := range p.steps {
		switch {
		case step.live == nil:
			missing++
		case step.adopt:
			foreign++
		case len(step.fields) > 0:
			different++
		}
	}
	if missing+foreign+different == 0 {
		return "everything is in place"
	}
	summary := fmt.Sprintf("%d of %d objects to create", missing, len(p.steps))
	if foreign > 0 {
		summary += fmt.Sprintf(", %d to adopt", foreign)
	}
	if different > 0 {
		summary += fmt.Sprintf(", %d to change", different)
	}
	return summary
}
