package apply

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	applyapps "k8s.io/client-go/applyconfigurations/apps/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applystorage "k8s.io/client-go/applyconfigurations/storage/v1"
	ktesting "k8s.io/client-go/testing"
)

// backwards is an object of each phase, the last phase first.
func backwards(c *Cluster) []Desired {
	return []Desired{
		c.Deployment(applyapps.Deployment("daemon", "ci").WithLabels(ours)),
		c.PersistentVolumeClaim(applycore.PersistentVolumeClaim("data", "ci").WithLabels(ours)),
		c.ConfigMap(applycore.ConfigMap("config", "ci").WithLabels(ours)),
		c.StorageClass(applystorage.StorageClass("class").WithLabels(ours).WithProvisioner("none")),
		c.PersistentVolume(applycore.PersistentVolume("volume").WithLabels(ours)),
	}
}

// Storage comes first, then what the pod needs, then the pod; what follows a
// refusal is not sent, and what was refused is not among the outcomes.
func TestApplyPhases(t *testing.T) {
	storage, needs := "persistentvolumes storageclasses", "configmaps persistentvolumeclaims"
	tests := []struct {
		refused string
		sent    []string // by phase
		want    []string
	}{
		{"", []string{storage, needs, "deployments"}, []string{"deployment/daemon created", "persistentvolumeclaim/data created",
			"configmap/config created", "storageclass/class created", "persistentvolume/volume created"}},
		{"deployments", []string{storage, needs, "deployments"}, []string{"persistentvolumeclaim/data created",
			"configmap/config created", "storageclass/class created", "persistentvolume/volume created"}},
		{"persistentvolumeclaims", []string{storage, needs}, []string{"configmap/config created", "storageclass/class created", "persistentvolume/volume created"}},
		{"persistentvolumes", []string{storage}, []string{"storageclass/class created"}},
	}
	for _, test := range tests {
		t.Run("refused: "+test.refused, func(t *testing.T) {
			c := newServer()
			if test.refused != "" {
				c.fake().PrependReactor("patch", test.refused, func(ktesting.Action) (bool, runtime.Object, error) { return true, nil, errForbidden })
			}
			p, err := NewPlan(backwards(c), func(Ref) metav1.Object { return nil }, false)
			if err != nil {
				t.Fatal(err)
			}
			var mu sync.Mutex
			told := 0
			applied, err := p.Apply(t.Context(), func(Applied) {
				mu.Lock()
				defer mu.Unlock()
				told++
			})
			if (err != nil) != (test.refused != "") || (err != nil && !errors.Is(err, errForbidden)) {
				t.Errorf("got %v", err)
			}
			if got := outcomes(applied); !slices.Equal(got, test.want) || told != len(test.want) {
				t.Errorf("got  %q (told of %d)\nwant %q", got, told, test.want)
			}
			sent := c.sent()
			for i := range sent {
				sent[i] = strings.TrimPrefix(sent[i], "patch ")
			}
			for _, phase := range test.sent {
				n := min(len(strings.Fields(phase)), len(sent))
				now := slices.Sorted(slices.Values(sent[:n]))
				if got := strings.Join(now, " "); got != phase {
					t.Errorf("sent %q, want %q", got, phase)
				}
				sent = sent[n:]
			}
			if len(sent) > 0 {
				t.Errorf("sent %q besides", sent)
			}
		})
	}
}

// Names without a namespace are put together from two: what carries our label
// may still be another installation's.
func TestNewPlanGuardsInstances(t *testing.T) {
	labels := func(instance string) map[string]string {
		all := map[string]string{ManagedByLabel: ManagedBy}
		if instance != "" {
			all[InstanceLabel] = instance
		}
		return all
	}
	const foreign = "persistentvolume/volume: not made by dindctl"
	tests := []struct{ name, want, live, err string }{
		{"the same", "ci.d", "ci.d", ""},
		{"another", "ci.d", "c.id", foreign},
		{"none", "ci.d", "", foreign},
		{"none is wanted", "", "c.id", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newServer()
			want := c.PersistentVolume(applycore.PersistentVolume("volume").WithLabels(labels(test.want)))
			live := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "volume", Labels: labels(test.live)}}
			// Not even --adopt takes it from the other one.
			p, err := NewPlan([]Desired{want}, func(Ref) metav1.Object { return live }, true)
			if text(err) != test.err || (p == nil) != (test.err != "") {
				t.Errorf("got %v, %q, want %q", p, text(err), test.err)
			}
			if _, is := errors.AsType[*NotOwnedError](err); err != nil && !is {
				t.Errorf("got %T", err)
			}
		})
	}
}

func TestAnnotate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := healthy().Deployment
		d.Annotations = map[string]string{"kept": "yes", "key": "old"}
		c := newServer(d)
		failures := 1
		c.fake().PrependReactor("patch", "deployments", func(ktesting.Action) (bool, runtime.Object, error) {
			failures--
			return failures >= 0, nil, errBusy
		})
		if err := c.Annotate(t.Context(), "d", "key", `a "value"`); err != nil {
			t.Fatal(err)
		}
		var patches []ktesting.PatchActionImpl
		for _, action := range c.fake().Actions() {
			patches = append(patches, action.(ktesting.PatchActionImpl))
		}
		if len(patches) != 2 {
			t.Fatalf("sent %v", patches)
		}
		patch := patches[1]
		const want = `{"metadata":{"annotations":{"key":"a \"value\""}}}`
		if string(patch.GetPatch()) != want || patch.GetPatchType() != types.MergePatchType ||
			patch.PatchOptions.FieldManager != "dindctl" || patch.GetNamespace() != "ci" || patch.GetName() != "d" {
			t.Errorf("sent %s to %s/%s as %s, %+v", patch.GetPatch(), patch.GetNamespace(), patch.GetName(), patch.GetPatchType(), patch.PatchOptions)
		}
		after, err := c.Client.AppsV1().Deployments("ci").Get(t.Context(), "d", metav1.GetOptions{})
		if err != nil || after.Annotations["kept"] != "yes" || after.Annotations["key"] != `a "value"` {
			t.Errorf("got %v, %v", after.Annotations, err)
		}
	})
}

func TestAnnotateFails(t *testing.T) {
	c := newServer(healthy().Deployment)
	c.fake().PrependReactor("patch", "deployments", func(ktesting.Action) (bool, runtime.Object, error) { return true, nil, errForbidden })
	err := c.Annotate(t.Context(), "d", "key", "value")
	failure, is := errors.AsType[*ApplyError](err)
	if !is || failure.Ref != (Ref{"Deployment", "ci", "d"}) || !errors.Is(err, errForbidden) {
		t.Errorf("got %v", err)
	}
}
