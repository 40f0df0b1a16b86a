package apply

import (
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/dindctl/dindctl/internal/kube"
)

// Config describes a wanted object: it is one of client-go's apply configurations.
type Config interface {
	GetKind() *string
	GetNamespace() *string
	GetName() *string
}

// RefOf returns the reference of the object that a configuration describes.
func RefOf(config Config) kube.Ref {
	ref := kube.Ref{Kind: *config.GetKind(), Name: *config.GetName()}
	if namespace := config.GetNamespace(); namespace != nil {
		ref.Namespace = *namespace
	}
	return ref
}

// Plan is what applying would do: which objects are missing, which differ in
// which fields, and which would be adopted.
type Plan struct {
	steps []step
	// BeforeLast is called before the last phase, with the outcomes so far: it may wait
	// for what the objects of that phase need.
	BeforeLast func(context.Context, []Applied)
}

// step is the plan for one object.
type step struct {
	ref    kube.Ref
	client kube.Client
	want   Config
	live   metav1.Object // nil if there is none
	// fields are those that differ according to the recorded ownership; the API
	// server's answer may show more.
	fields []FieldChange
	// adopt is set for an object that dindctl does not manage yet.
	adopt bool
	// phase, replaceable and exclusive are those of the kind, except that copies
	// in other namespaces come last and are not exclusive.
	phase                  int
	replaceable, exclusive bool
}

// NotOwnedError is returned if there are objects of the wanted names that are not this
// installation's. Nothing was changed.
type NotOwnedError struct {
	// Refs are the objects that dindctl does not manage, which can be adopted.
	Refs []kube.Ref
	// Others are the objects of other installations, which are never adopted.
	Others []kube.Ref
	// Previews are what adopting Refs would do, as far as it is known.
	Previews []Applied
}

func (e *NotOwnedError) Error() string {
	var parts []string
	if len(e.Refs) > 0 {
		parts = append(parts, kube.JoinRefs(e.Refs)+": not created by dindctl")
	}
	if len(e.Others) > 0 {
		parts = append(parts, kube.JoinRefs(e.Others)+": of another installation")
	}
	return strings.Join(parts, "; ")
}

// TerminatingError is returned for an object that is being deleted and cannot be
// used or replaced until it is gone.
type TerminatingError struct {
	Ref        kube.Ref
	UID        types.UID
	Finalizers []string // what the deletion waits for
}

// Passing reports whether the object will soon be gone: its deletion waits only for the
// objects that it owns, or for the pods that use the claim.
func (e *TerminatingError) Passing() bool {
	return !slices.ContainsFunc(e.Finalizers, func(f string) bool {
		return f != metav1.FinalizerDeleteDependents && f != "kubernetes.io/pvc-protection"
	})
}

func (e *TerminatingError) Error() string {
	return fmt.Sprintf("%s is being deleted (waits for %s)", e.Ref, strings.Join(e.Finalizers, ", "))
}

// NewPlan decides, without a request, what applying the wanted objects would do
// to the live ones. It returns a *TerminatingError for an object that is being
// deleted, and a *NotOwnedError that lists all objects of other installations and,
// without adopt, all that dindctl does not manage.
func NewPlan[O Config](c *kube.Cluster, wanted []O, live kube.Inventory, adopt bool) (*Plan, error) {
	plan := &Plan{}
	notOwned := &NotOwnedError{}
	for _, want := range wanted {
		s := newStep(c, want, live)
		if s.live != nil {
			managed := kube.IsManaged(s.live)
			switch {
			case managed && otherInstallation(s.live, want):
				notOwned.Others = append(notOwned.Others, s.ref)
				continue
			case !managed && !adopt:
				notOwned.Refs = append(notOwned.Refs, s.ref)
				continue
			}
			if s.live.GetDeletionTimestamp() != nil {
				return nil, &TerminatingError{Ref: s.ref, UID: s.live.GetUID(), Finalizers: s.live.GetFinalizers()}
			}
			var err error
			if s.fields, err = difference(s.live, want); err != nil {
				return nil, fmt.Errorf("comparing %s: %w", s.ref, err)
			}
			s.fields = append(s.fields, corrections(s.live, s.want)...)
			s.adopt = !managed
		}
		plan.steps = append(plan.steps, s)
	}
	if len(notOwned.Refs)+len(notOwned.Others) > 0 {
		return nil, notOwned
	}
	return plan, nil
}

func newStep(c *kube.Cluster, want Config, live kube.Inventory) step {
	ref := RefOf(want)
	kind := kube.KindOf(ref.Kind)
	s := step{
		ref: ref, client: c.For(ref), want: want, live: live.Find(ref),
		phase: kind.Phase, replaceable: kind.Replaceable, exclusive: kind.Exclusive,
	}
	if kind.Namespaced && ref.Namespace != c.Namespace {
		s.phase, s.exclusive = kube.Phases-1, false
	}
	return s
}

// otherInstallation reports whether the live object belongs to another
// installation than the wanted one. The names of cluster-scoped objects are
// joined from two names, and two pairs may give the same name.
func otherInstallation(live metav1.Object, want any) bool {
	fields, err := kube.Fields(want)
	if err != nil {
		return false
	}
	labels, _, _ := unstructured.NestedStringMap(fields, "metadata", "labels")
	instance := kube.InstanceOf(&metav1.ObjectMeta{Labels: labels})
	return instance != "" && kube.InstanceOf(live) != instance || live.GetLabels()[kube.HomeLabel] != labels[kube.HomeLabel]
}

func difference(live metav1.Object, want any) ([]FieldChange, error) {
	liveFields, err := kube.Fields(live)
	if err != nil {
		return nil, err
	}
	wantFields, err := kube.Fields(want)
	if err != nil {
		return nil, err
	}
	return changedFields(liveFields, wantFields, live.GetManagedFields())
}

// Only returns the part of the plan about one kind.
func (p *Plan) Only(kind string) *Plan {
	part := &Plan{}
	for _, s := range p.steps {
		if s.ref.Kind == kind {
			part.steps = append(part.steps, s)
		}
	}
	return part
}

// Empty reports whether there is nothing to apply.
func (p *Plan) Empty() bool {
	return !slices.ContainsFunc(p.steps, func(s step) bool { return !s.upToDate() })
}

// Touches reports whether applying changes a field whose path has this prefix, as
// far as it is known without a request, or adopts an object.
func (p *Plan) Touches(path string) bool {
	return slices.ContainsFunc(p.steps, func(s step) bool {
		return s.adopt || slices.ContainsFunc(s.fields, func(f FieldChange) bool { return strings.HasPrefix(f.Path, path) })
	})
}

func (s step) upToDate() bool { return s.live != nil && len(s.fields) == 0 && !s.adopt }

// Summary returns a short description of what Apply would do.
func (p *Plan) Summary() string {
	missing, adopted, different := 0, 0, 0
	for _, s := range p.steps {
		switch {
		case s.live == nil:
			missing++
		case s.adopt:
			adopted++
		case len(s.fields) > 0:
			different++
		}
	}
	if missing+adopted+different == 0 {
		return "everything is up to date"
	}
	summary := fmt.Sprintf("%d of %d objects to create", missing, len(p.steps))
	if adopted > 0 {
		summary += fmt.Sprintf(", %d to adopt", adopted)
	}
	if different > 0 {
		summary += fmt.Sprintf(", %d to change", different)
	}
	return summary
}
