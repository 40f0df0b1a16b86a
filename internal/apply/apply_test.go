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
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applystorage "k8s.io/client-go/applyconfigurations/storage/v1"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/clustertest"
)

// newServer is a clientset that gives objects UIDs and versions as the API
// server does: a new version only where applying changed something.
func newServer(objects ...runtime.Object) *Cluster {
	return &Cluster{Client: clustertest.NewClientset(objects...), Namespace: "ci"}
}

// appliedServer is a server that has what is wanted.
func appliedServer(t *testing.T) *Cluster {
	t.Helper()
	c := newServer()
	if _, err := plan(t, c, wanted(c, "a")).Apply(t.Context(), func(Applied) {}); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *Cluster) fake() *fake.Clientset { return c.Client.(*fake.Clientset) }

// sent lists the requests that change something.
func (c *Cluster) sent() []string {
	var sent []string
	for _, action := range c.fake().Actions() {
		if !slices.Contains([]string{"get", "list", "watch"}, action.GetVerb()) {
			sent = append(sent, action.GetVerb()+" "+action.GetResource().Resource)
		}
	}
	return sent
}

var ours = map[string]string{ManagedByLabel: ManagedBy}

// wanted is one object in each place that matters; data is in the ConfigMap.
func wanted(c *Cluster, data string) []Desired {
	return []Desired{
		c.ConfigMap(applycore.ConfigMap("config", "ci").WithLabels(ours).WithData(map[string]string{"key": data})),
		c.Service(applycore.Service("service", "ci").WithLabels(ours)),
		c.StorageClass(applystorage.StorageClass("class").WithLabels(ours).WithProvisioner("none")),
		c.PersistentVolume(applycore.PersistentVolume("volume").WithLabels(ours)),
	}
}

// planned reads what is there and plans for it.
func plan(t *testing.T, c *Cluster, want []Desired) *Plan {
	t.Helper()
	found, err := c.Read(t.Context(), Names{StorageClass: "class", PersistentVolume: "volume", ConfigMap: "config", Service: "service"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPlan(want, found.Find, false)
	if err != nil {
		t.Fatal(err)
	}
	c.fake().ClearActions()
	return p
}

func outcomes(applied []Applied) []string {
	var list []string
	for _, a := range applied {
		line := a.Ref.String() + " " + string(a.Change)
		for _, field := range a.Fields {
			line += " " + field.Path
		}
		list = append(list, line)
	}
	return list
}

func TestApply(t *testing.T) {
	c := newServer()
	steps := []struct {
		name     string
		data     string
		summary  string
		outcomes []string
		sent     []string // sorted, cluster-scoped and namespaced by themselves
	}{
		{"nothing there", "a", "4 of 4 objects to create",
			[]string{"configmap/config created", "service/service created", "storageclass/class created", "persistentvolume/volume created"},
			[]string{"patch persistentvolumes", "patch storageclasses", "patch configmaps", "patch services"}},
		{"all there", "a", "everything is in place",
			[]string{"configmap/config unchanged", "service/service unchanged", "storageclass/class unchanged", "persistentvolume/volume unchanged"}, nil},
		{"one differs", "b", "0 of 4 objects to create, 1 to change",
			[]string{"configmap/config configured data.key", "service/service unchanged", "storageclass/class unchanged", "persistentvolume/volume unchanged"},
			[]string{"patch configmaps"}},
	}
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			p := plan(t, c, wanted(c, step.data))
			if got := p.Summary(); got != step.summary {
				t.Errorf("summary %q, want %q", got, step.summary)
			}
			var mu sync.Mutex
			told := map[Ref]Change{}
			applied, err := p.Apply(t.Context(), func(a Applied) {
				mu.Lock()
				defer mu.Unlock()
				told[a.Ref] = a.Change
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(step.outcomes, outcomes(applied)); diff != "" {
				t.Error(diff)
			}
			for _, a := range applied {
				if told[a.Ref] != a.Change || a.Object == nil || a.Object.GetUID() == "" {
					t.Errorf("%s: told %q, object %v", a.Ref, told[a.Ref], a.Object)
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

// An object that another one replaced in between was created, not configured.
func TestApplyTellsANewObject(t *testing.T) {
	c := appliedServer(t)
	p := plan(t, c, wanted(c, "b"))
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

// The server has the last word on whether anything changed.
func TestApplyThatChangesNothing(t *testing.T) {
	c := appliedServer(t)
	p := plan(t, c, wanted(c, "b"))
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
		{"what the rest needs", "", map[string]error{"storageclasses": forbidden},
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
				if _, err := plan(t, c, wanted(c, test.before)).Apply(t.Context(), func(Applied) {}); err != nil {
					t.Fatal(err)
				}
			}
			p := plan(t, c, wanted(c, "b"))
			for resource, err := range test.refuse {
				c.fake().PrependReactor("patch", resource, func(ktesting.Action) (bool, runtime.Object, error) { return true, nil, err })
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
				failure, is := errors.AsType[*ApplyError](err)
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
	p := plan(t, c, wanted(c, "a")[:1])
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
	p := plan(t, c, wanted(c, "a")[:1])
	c.fake().PrependReactor("patch", "*", func(ktesting.Action) (bool, runtime.Object, error) { return true, nil, ctx.Err() })
	if _, err := p.Apply(ctx, func(Applied) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestNewPlanRefuses(t *testing.T) {
	foreign := func(labels map[string]string) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "config", Namespace: "ci", Labels: labels}}
	}
	going := foreign(ours)
	going.DeletionTimestamp, going.Finalizers = new(metav1.Now()), []string{"a", "b"}
	tests := []struct {
		name string
		live map[string]metav1.Object
		want string
	}{
		{"somebody else's", map[string]metav1.Object{
			"ConfigMap": foreign(map[string]string{ManagedByLabel: "Helm"}),
			"Service":   &corev1.Service{},
		}, "configmap/config, service/service: not made by dindctl"},
		{"being deleted", map[string]metav1.Object{"ConfigMap": going}, "configmap/config is being deleted (waits for a, b)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newServer()
			p, err := NewPlan(wanted(c, "a"), func(ref Ref) metav1.Object { return test.live[ref.Kind] }, false)
			if p != nil || text(err) != test.want {
				t.Errorf("got %v, %v, want %q", p, err, test.want)
			}
			if sent := c.fake().Actions(); len(sent) > 0 {
				t.Errorf("sent %v", sent)
			}
		})
	}
}
