package apply

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/kube"
)

func TestApply(t *testing.T) {
	c := newServer()
	steps := []struct {
		name     string
		data     string
		summary  string
		outcomes []string
		sent     []string // sorted within each phase
	}{
		{"nothing there", "a", "4 of 4 objects to create",
			[]string{"configmap/config created", "service/service created", "storageclass/class created", "persistentvolume/volume created"},
			[]string{"patch persistentvolumes", "patch storageclasses", "patch configmaps", "patch services"}},
		{"all there", "a", "everything is up to date",
			[]string{"configmap/config unchanged", "service/service unchanged", "storageclass/class unchanged", "persistentvolume/volume unchanged"}, nil},
		{"one differs", "b", "0 of 4 objects to create, 1 to change",
			[]string{"configmap/config configured data.key", "service/service unchanged", "storageclass/class unchanged", "persistentvolume/volume unchanged"},
			[]string{"patch configmaps"}},
	}
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			p := plan(t, c, wanted(step.data))
			if got := p.Summary(); got != step.summary {
				t.Errorf("summary %q, want %q", got, step.summary)
			}
			var mu sync.Mutex
			reported := map[kube.Ref]Change{}
			applied, err := p.Apply(t.Context(), func(a Applied) {
				mu.Lock()
				defer mu.Unlock()
				reported[a.Ref] = a.Change
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(step.outcomes, outcomes(applied)); diff != "" {
				t.Error(diff)
			}
			for _, a := range applied {
				if reported[a.Ref] != a.Change || a.Object == nil || a.Object.GetUID() == "" {
					t.Errorf("%s: reported %q, object %v", a.Ref, reported[a.Ref], a.Object)
				}
			}
			sent := c.sent()
			if len(sent) == 4 {
				slices.Sort(sent[:2])
				slices.Sort(sent[2:])
			}
			if diff := cmp.Diff(step.sent, sent); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestApplySendsAsServerSideApply(t *testing.T) {
	c := appliedServer(t)
	for _, action := range c.fake().Actions() {
		patch := action.(ktesting.PatchActionImpl)
		if patch.GetPatchType() != types.ApplyPatchType || patch.PatchOptions.FieldManager != "dindctl" ||
			patch.PatchOptions.Force == nil || !*patch.PatchOptions.Force {
			t.Errorf("%s: %s, %+v", patch.GetResource().Resource, patch.GetPatchType(), patch.PatchOptions)
		}
	}
}

// If somebody deleted the object after it was read, it is created, not configured.
func TestApplyReportsANewObject(t *testing.T) {
	c := appliedServer(t)
	p := plan(t, c, wanted("b"))
	if err := c.Client.CoreV1().ConfigMaps("ci").Delete(t.Context(), "config", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	c.fake().PrependReactor("patch", "configmaps", func(ktesting.Action) (bool, runtime.Object, error) {
		return true, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "config", UID: "another", ResourceVersion: "1"}}, nil
	})
	applied, err := p.Apply(t.Context(), func(Applied) {})
	if err != nil || applied[0].Change != Created {
		t.Errorf("got %v, %v", outcomes(applied), err)
	}
}

// The server decides whether anything changed.
func TestApplyThatChangesNothing(t *testing.T) {
	c := appliedServer(t)
	p := plan(t, c, wanted("b"))
	c.fake().PrependReactor("patch", "configmaps", func(action ktesting.Action) (bool, runtime.Object, error) {
		same, err := c.fake().Tracker().Get(action.GetResource(), "ci", "config")
		return true, same, err
	})
	applied, err := p.Apply(t.Context(), func(Applied) {})
	if err != nil || applied[0].Change != Unchanged || applied[0].Fields != nil {
		t.Errorf("got %q, %v", outcomes(applied), err)
	}
}

func TestApplyGoesOnAfterARefusal(t *testing.T) {
	gr := schema.GroupResource{Resource: "x"}
	forbidden := apierrors.NewForbidden(gr, "x", errors.New("no"))
	invalid := apierrors.NewInvalid(schema.GroupKind{Kind: "Service"}, "service", nil)
	tests := []struct {
		name   string
		before string // "" starts from nothing
		refuse map[string]error
		want   []string
		errs   []string
	}{
		{"one of a kind", "", map[string]error{"configmaps": forbidden},
			[]string{"service/service created", "storageclass/class created", "persistentvolume/volume created"},
			[]string{"configmap/config"}},
		{"all of a kind", "", map[string]error{"configmaps": forbidden, "services": invalid},
			[]string{"storageclass/class created", "persistentvolume/volume created"},
			[]string{"configmap/config", "service/service"}},
		{"in the first phase", "", map[string]error{"storageclasses": forbidden},
			[]string{"persistentvolume/volume created"},
			[]string{"storageclass/class"}},
		{"a change", "a", map[string]error{"configmaps": forbidden},
			[]string{"service/service unchanged", "storageclass/class unchanged", "persistentvolume/volume unchanged"},
			[]string{"configmap/config"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newServer()
			if test.before != "" {
				if _, err := plan(t, c, wanted(test.before)).Apply(t.Context(), func(Applied) {}); err != nil {
					t.Fatal(err)
				}
			}
			p := plan(t, c, wanted("b"))
			for resource, err := range test.refuse {
				c.refuse("patch", resource, err)
			}
			applied, err := p.Apply(t.Context(), func(Applied) {})
			if diff := cmp.Diff(test.want, outcomes(applied)); diff != "" {
				t.Error(diff)
			}
			joined, _ := err.(interface{ Unwrap() []error })
			if joined == nil {
				t.Fatalf("got %v, want joined errors", err)
			}
			var refs []string
			for _, err := range joined.Unwrap() {
				failure, is := errors.AsType[*kube.ApplyError](err)
				if !is {
					t.Fatalf("got %T", err)
				}
				refs = append(refs, failure.Ref.String())
			}
			if diff := cmp.Diff(test.errs, refs); diff != "" {
				t.Error(diff)
			}
			for _, answer := range test.refuse {
				if !errors.Is(err, answer) || !strings.Contains(err.Error(), answer.Error()) {
					t.Errorf("the server's answer %q is not in %q", answer, err)
				}
			}
		})
	}
}

func TestApplyTriesAgain(t *testing.T) {
	c := newServer()
	p := plan(t, c, wanted("a")[:1])
	failures := 1
	c.fake().PrependReactor("patch", "*", func(ktesting.Action) (bool, runtime.Object, error) {
		failures--
		return failures >= 0, nil, errBusy
	})
	applied, err := p.Apply(t.Context(), func(Applied) {})
	if err != nil || applied[0].Change != Created || len(c.sent()) != 2 {
		t.Errorf("got %v, %v after %q", outcomes(applied), err, c.sent())
	}
}

func TestApplyStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := newServer()
	p := plan(t, c, wanted("a")[:1])
	c.refuse("patch", "*", ctx.Err())
	if _, err := p.Apply(ctx, func(Applied) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
