package apply

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applyapps "k8s.io/client-go/applyconfigurations/apps/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applystorage "k8s.io/client-go/applyconfigurations/storage/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

// backwards returns objects of all phases, the last phase first.
func backwards() []Config {
	return []Config{
		applyapps.Deployment("daemon", "ci").WithLabels(ours),
		applycore.PersistentVolumeClaim("data", "ci").WithLabels(ours),
		applycore.ConfigMap("config", "ci").WithLabels(ours),
		applystorage.StorageClass("class").WithLabels(ours).WithProvisioner("none"),
		applycore.PersistentVolume("volume").WithLabels(ours),
	}
}

// Storage comes first, then the objects that the pod needs, then the Deployment.
// After a refusal, no further phase is sent; refused objects have no outcome.
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
				c.refuse("patch", test.refused, errForbidden)
			}
			p, err := NewPlan(c.Cluster, backwards(), nil, false)
			if err != nil {
				t.Fatal(err)
			}
			var mu sync.Mutex
			reported := 0
			applied, err := p.Apply(t.Context(), func(Applied) {
				mu.Lock()
				defer mu.Unlock()
				reported++
			})
			if (err != nil) != (test.refused != "") || (err != nil && !errors.Is(err, errForbidden)) {
				t.Errorf("got %v", err)
			}
			if got := outcomes(applied); !slices.Equal(got, test.want) || reported != len(test.want) {
				t.Errorf("got  %q (%d reported)\nwant %q", got, reported, test.want)
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
				t.Errorf("also sent %q", sent)
			}
		})
	}
}

// The names of cluster-scoped objects are joined from two names: an object with
// dindctl's label may still belong to another installation.
func TestNewPlanGuardsInstances(t *testing.T) {
	labels := func(instance, own string) map[string]string {
		all := map[string]string{kube.ManagedByLabel: kube.ManagedByValue}
		if instance != "" {
			all[kube.InstanceLabel] = instance
		}
		if own != "" {
			all[kube.OwnInstanceLabel] = own
		}
		return all
	}
	const foreign = "persistentvolume/volume: of another installation"
	tests := []struct{ name, want, live, own, err string }{
		{"the same", "ci.d", "ci.d", "ci.d", ""},
		{"the same, of an older version", "ci.d", "ci.d", "", ""},
		{"the same, rewritten by Argo CD", "ci.d", "application", "ci.d", ""},
		{"another", "ci.d", "c.id", "c.id", foreign},
		{"another, of an older version", "ci.d", "c.id", "", foreign},
		{"another, rewritten by Argo CD", "ci.d", "ci.d", "c.id", foreign},
		{"none", "ci.d", "", "", foreign},
		{"none is wanted", "", "c.id", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newServer()
			want := applycore.PersistentVolume("volume").WithLabels(labels(test.want, test.want))
			live := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "volume", Labels: labels(test.live, test.own)}}
			// --adopt does not adopt it either.
			p, err := NewPlan(c.Cluster, []Config{want}, inventory(live), true)
			if text(err) != test.err || (p == nil) != (test.err != "") {
				t.Errorf("got %v, %q, want %q", p, text(err), test.err)
			}
			if notOwned, is := errors.AsType[*NotOwnedError](err); err != nil && (!is || len(notOwned.Refs) > 0) {
				t.Errorf("got %#v", err)
			}
		})
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
		live kube.Inventory
		want string
	}{
		{"somebody else's", inventory(
			foreign(map[string]string{kube.ManagedByLabel: "Helm"}),
			&corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "service", Namespace: "ci"}},
		), "configmap/config, service/service: not created by dindctl"},
		{"being deleted", inventory(going), "configmap/config is being deleted (waits for a, b)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newServer()
			p, err := NewPlan(c.Cluster, wanted("a"), test.live, false)
			if p != nil || text(err) != test.want {
				t.Errorf("got %v, %v, want %q", p, err, test.want)
			}
			if sent := c.fake().Actions(); len(sent) > 0 {
				t.Errorf("sent %v", sent)
			}
		})
	}
}

func TestTouches(t *testing.T) {
	c := appliedServer(t)
	up, changed := plan(t, c, wanted("a")), plan(t, c, wanted("b"))
	missing, err := NewPlan(c.Cluster, wanted("a"), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	other := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "config", Namespace: "ci"}}
	adoption, err := NewPlan(c.Cluster, wanted("a")[:1], inventory(other), true)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		plan *Plan
		path string
		want bool
	}{
		{"up to date", up, "", false},
		{"the field", changed, "data.key", true},
		{"what holds the field", changed, "data", true},
		{"another field", changed, "spec", false},
		{"a missing object has no fields", missing, "data", false},
		{"adopting may change any", adoption, "spec", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.plan.Touches(test.path); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestCreations(t *testing.T) {
	c := newServer()
	live := inventory(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "service", Namespace: "ci", Labels: ours}})
	p, err := NewPlan(c.Cluster, wanted("a"), live, false)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"configmap/config created", "storageclass/class created", "persistentvolume/volume created"}
	if got := outcomes(p.Creations()); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if requests := c.fake().Actions(); len(requests) > 0 {
		t.Errorf("sent %v", requests)
	}
	if got := plan(t, appliedServer(t), wanted("b")).Creations(); got != nil {
		t.Errorf("got %v, though all objects exist", got)
	}
}
