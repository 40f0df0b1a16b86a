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

var everyName = Names{
	StorageClass: "class", PersistentVolume: "volume", Claim: "claim", ConfigMap: "config",
	Deployment: "deployment", Service: "service", CronJob: "cron", NetworkPolicy: "policy",
}

// everything is one object of each kind, and one that nobody asks for.
func everything() []runtime.Object {
	in := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "ci", Name: name} }
	return []runtime.Object{
		&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "class"}},
		&corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "volume"}},
		&corev1.PersistentVolumeClaim{ObjectMeta: in("claim")},
		&corev1.ConfigMap{ObjectMeta: in("config")},
		&appsv1.Deployment{ObjectMeta: in("deployment")},
		&corev1.Service{ObjectMeta: in("service")},
		&batchv1.CronJob{ObjectMeta: in("cron")},
		&networkingv1.NetworkPolicy{ObjectMeta: in("policy")},
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "elsewhere", Name: "service"}},
	}
}

func TestRead(t *testing.T) {
	tests := []struct {
		name  string
		names Names
		there []runtime.Object
		want  []string
		gets  int
	}{
		{"all there", everyName, everything(), []string{
			"StorageClass  class", "PersistentVolume  volume", "PersistentVolumeClaim ci claim", "ConfigMap ci config",
			"Deployment ci deployment", "Service ci service", "CronJob ci cron", "NetworkPolicy ci policy"}, 8},
		{"nothing there", everyName, nil, nil, 8},
		{"only what is named", Names{Service: "service"}, everything(), []string{"Service ci service"}, 1},
		{"nothing named", Names{}, everything(), nil, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client := fake.NewClientset(test.there...)
			found, err := (&Cluster{Client: client, Namespace: "ci"}).Read(t.Context(), test.names)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, item := range found.Items() {
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
	found := Inventory{Service: &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "d"}}}
	for _, ref := range []Ref{{Kind: "Service", Name: "e"}, {Kind: "Deployment", Name: "d"}} {
		if got := found.Find(ref); got != nil {
			t.Errorf("%s: got %v", ref, got)
		}
	}
}

func TestReadFails(t *testing.T) {
	refusal := apierrors.NewForbidden(schema.GroupResource{Resource: "services"}, "service", errors.New("no"))
	client := fake.NewClientset(everything()...)
	client.PrependReactor("get", "services", func(ktesting.Action) (bool, runtime.Object, error) { return true, nil, refusal })
	_, err := (&Cluster{Client: client, Namespace: "ci"}).Read(t.Context(), everyName)
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
