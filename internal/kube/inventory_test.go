package kube

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
)

// everyRef returns an object of each kind, not in the order of the table.
func everyRef() []Ref {
	return []Ref{
		{"Job", "ci", "job"}, {"CronJob", "ci", "cron"}, {"Deployment", "ci", "deployment"}, {"Service", "ci", "service"},
		{"NetworkPolicy", "ci", "policy"}, {"Secret", "ci", "secret"}, {"ConfigMap", "ci", "config"},
		{"PersistentVolumeClaim", "ci", "claim"}, {"PersistentVolume", "", "volume"}, {"StorageClass", "", "class"},
	}
}

// everything returns an object of each kind, and one in another namespace.
func everything() []runtime.Object {
	in := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "ci", Name: name} }
	return []runtime.Object{
		&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "class"}},
		&corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "volume"}},
		&corev1.PersistentVolumeClaim{ObjectMeta: in("claim")},
		&corev1.ConfigMap{ObjectMeta: in("config")},
		&corev1.Secret{ObjectMeta: in("secret")},
		&appsv1.Deployment{ObjectMeta: in("deployment")},
		&corev1.Service{ObjectMeta: in("service")},
		&batchv1.CronJob{ObjectMeta: in("cron")},
		&batchv1.Job{ObjectMeta: in("job")},
		&networkingv1.NetworkPolicy{ObjectMeta: in("policy")},
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "elsewhere", Name: "service"}},
	}
}

func TestRead(t *testing.T) {
	tests := []struct {
		name  string
		refs  []Ref
		there []runtime.Object
		want  []string
		gets  int
	}{
		{"all exist", everyRef(), everything(), []string{
			"StorageClass  class", "PersistentVolume  volume", "PersistentVolumeClaim ci claim", "ConfigMap ci config", "Secret ci secret",
			"NetworkPolicy ci policy", "Service ci service", "Deployment ci deployment", "CronJob ci cron", "Job ci job"}, 10},
		{"none exists", everyRef(), nil, nil, 10},
		{"only named objects", []Ref{{"Service", "ci", "service"}}, everything(), []string{"Service ci service"}, 1},
		{"in another namespace", []Ref{{"Service", "elsewhere", "service"}}, everything(), []string{"Service elsewhere service"}, 1},
		{"no names", nil, everything(), nil, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client := fake.NewClientset(test.there...)
			found, err := (&Cluster{Client: client, Namespace: "ci"}).Read(t.Context(), test.refs...)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, item := range found {
				got = append(got, item.Ref.Kind+" "+item.Ref.Namespace+" "+item.Ref.Name)
				if item.Object == nil || found.Find(item.Ref) != item.Object {
					t.Errorf("%s is found as %v", item.Ref, found.Find(item.Ref))
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if requests := client.Actions(); len(requests) != test.gets {
				t.Errorf("%d requests, want %d: %v", len(requests), test.gets, requests)
			}
		})
	}
}

func TestFindNothing(t *testing.T) {
	found := Inventory{{Ref{"Service", "ci", "d"}, &corev1.Service{}}}
	for _, ref := range []Ref{{"Service", "ci", "e"}, {"Service", "elsewhere", "d"}, {"Deployment", "ci", "d"}} {
		if got := found.Find(ref); got != nil {
			t.Errorf("%s: got %v", ref, got)
		}
	}
}

func TestGetFromInventory(t *testing.T) {
	ref, service := Ref{"Service", "ci", "d"}, &corev1.Service{}
	found := Inventory{{ref, service}}
	if got := Get[corev1.Service](found, ref); got != service {
		t.Errorf("got %v", got)
	}
	if got := Get[corev1.Secret](found, ref); got != nil {
		t.Errorf("as another type: got %v", got)
	}
	if got := Get[corev1.Service](nil, ref); got != nil {
		t.Errorf("from nothing: got %v", got)
	}
}

// Objects are in the order of the table of kinds, and within a kind in the order of
// addition. Neither method changes its receiver.
func TestInventoryWithAndWithout(t *testing.T) {
	item := func(kind, name string) Item { return Item{Ref: Ref{kind, "ci", name}} }
	names := func(i Inventory) (names []string) {
		for _, item := range i {
			names = append(names, item.Ref.String())
		}
		return names
	}
	before := Inventory{item("ConfigMap", "c"), item("Secret", "b"), item("Job", "j")}
	replaced := item("ConfigMap", "c")
	replaced.Object = &corev1.ConfigMap{}
	tests := []struct {
		name string
		got  Inventory
		want []string
	}{
		{"with a kind in between", before.With(Inventory{item("Service", "s")}), []string{"configmap/c", "secret/b", "service/s", "job/j"}},
		{"with another one of a kind", before.With(Inventory{item("Secret", "a")}), []string{"configmap/c", "secret/b", "secret/a", "job/j"}},
		{"with one that is there", before.With(Inventory{replaced}), []string{"configmap/c", "secret/b", "job/j"}},
		{"with nothing", before.With(nil), []string{"configmap/c", "secret/b", "job/j"}},
		{"nothing, with some", Inventory(nil).With(Inventory{item("Job", "j"), item("StorageClass", "x")}), []string{"storageclass/x", "job/j"}},
		{"without one", before.Without(Ref{"Secret", "ci", "b"}), []string{"configmap/c", "job/j"}},
		{"without one of another namespace", before.Without(Ref{"Secret", "elsewhere", "b"}), []string{"configmap/c", "secret/b", "job/j"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, names(test.got)); diff != "" {
				t.Error(diff)
			}
			if got := names(before); !slices.Equal(got, []string{"configmap/c", "secret/b", "job/j"}) {
				t.Errorf("the inventory itself is now %q", got)
			}
		})
	}
	if got := before.With(Inventory{replaced}).Find(replaced.Ref); got != replaced.Object {
		t.Errorf("got %v, want the object that was added", got)
	}
}

func TestReadFails(t *testing.T) {
	refusal := apierrors.NewForbidden(schema.GroupResource{Resource: "services"}, "service", errors.New("no"))
	client := fake.NewClientset(everything()...)
	client.PrependReactor("get", "services", func(ktesting.Action) (bool, runtime.Object, error) { return true, nil, refusal })
	_, err := (&Cluster{Client: client, Namespace: "ci"}).Read(t.Context(), everyRef()...)
	const want = `reading service/service: services "service" is forbidden: no`
	if failure, is := errors.AsType[*ReadError](err); !is || !apierrors.IsForbidden(err) || failure.Ref.Namespace != "ci" || err.Error() != want {
		t.Errorf("got  %v\nwant %v", err, want)
	}
}

func TestLists(t *testing.T) {
	labelled := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: "ci", Name: name, Labels: map[string]string{"instance": "d"}}
	}
	objects := []runtime.Object{
		&corev1.Pod{ObjectMeta: labelled("pod")}, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "other"}},
		&batchv1.Job{ObjectMeta: labelled("job")}, &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "other"}},
	}
	lists := map[string]func(*Cluster) ([]string, error){
		"pods": func(c *Cluster) (names []string, err error) {
			pods, err := c.Pods(t.Context(), map[string]string{"instance": "d"})
			for _, pod := range pods {
				names = append(names, "Pod "+pod.Name)
			}
			return names, err
		},
		"jobs": func(c *Cluster) (names []string, err error) {
			jobs, err := c.Jobs(t.Context(), map[string]string{"instance": "d"})
			for _, job := range jobs {
				names = append(names, job.Ref.Kind+" "+job.Object.GetName())
			}
			return names, err
		},
	}
	want := map[string][]string{"pods": {"Pod pod"}, "jobs": {"Job job"}}
	for resource, list := range lists {
		t.Run(resource, func(t *testing.T) {
			client := fake.NewClientset(objects...)
			c := &Cluster{Client: client, Namespace: "ci"}
			if got, err := list(c); err != nil || !slices.Equal(got, want[resource]) {
				t.Errorf("got %q, %v", got, err)
			}
			client.PrependReactor("list", resource, func(ktesting.Action) (bool, runtime.Object, error) { return true, nil, errForbidden })
			if got, err := list(c); got != nil || !errors.Is(err, errForbidden) {
				t.Errorf("refused: got %q, %v", got, err)
			}
		})
	}
}

func TestReadEach(t *testing.T) {
	in := func(namespace string) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "keys", Namespace: namespace}}
	}
	client := fake.NewClientset(in("a"), in("c"))
	client.PrependReactor("get", "secrets", func(action ktesting.Action) (bool, runtime.Object, error) {
		return action.GetNamespace() == "c", nil, errForbidden
	})
	found, unread := (&Cluster{Client: client, Namespace: "ci"}).ReadEach(t.Context(),
		[]Ref{{"Secret", "a", "keys"}, {"Secret", "b", "keys"}, {"Secret", "c", "keys"}})
	if len(found) != 1 || found[0].Object.GetNamespace() != "a" {
		t.Errorf("found %v", found)
	}
	if len(unread) != 1 || unread[0].Ref != (Ref{"Secret", "c", "keys"}) || !errors.Is(unread[0], errForbidden) {
		t.Errorf("unread %v", unread)
	}
}

func TestKindOf(t *testing.T) {
	order := []string{"StorageClass", "PersistentVolume", "PersistentVolumeClaim", "ConfigMap", "Secret",
		"NetworkPolicy", "Service", "PodMonitor", "Deployment", "CronJob", "Job"}
	var got []string
	for _, kind := range kinds() {
		got = append(got, KindOf(kind.Name).Name)
	}
	if diff := cmp.Diff(order, got); diff != "" {
		t.Error(diff)
	}
	defer func() {
		if reason := recover(); reason != "kube: no kind Endpoints" {
			t.Errorf("recovered %v", reason)
		}
	}()
	KindOf("Endpoints")
}
