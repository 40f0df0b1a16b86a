package kube

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
)

var claims = corev1.SchemeGroupVersion.WithResource("persistentvolumeclaims")

func claimOf(uid types.UID) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "d-data", Namespace: "ci", UID: uid, ResourceVersion: "1"}}
}

// mine returns the claim as an item.
func mine() []Item { return []Item{{Ref{"PersistentVolumeClaim", "ci", "d-data"}, claimOf("mine")}} }

// lingering only marks a claim that is deleted, as finalizers do.
func lingering(client *fake.Clientset) {
	client.PrependReactor("delete", "persistentvolumeclaims", func(ktesting.Action) (bool, runtime.Object, error) {
		marked := claimOf("mine")
		marked.DeletionTimestamp, marked.Finalizers = new(metav1.Now()), []string{"kubernetes.io/pvc-protection"}
		return true, nil, client.Tracker().Update(claims, marked, "ci")
	})
}

func answering(verb string, err error) func(*fake.Clientset) {
	return func(client *fake.Clientset) {
		client.PrependReactor(verb, "persistentvolumeclaims", func(ktesting.Action) (bool, runtime.Object, error) { return true, nil, err })
	}
}

func TestDelete(t *testing.T) {
	errReplaced := apierrors.NewConflict(schema.GroupResource{Resource: "persistentvolumeclaims"}, "d-data", errors.New("the UID in the precondition does not match"))
	gone := func(client *fake.Clientset) error { return client.Tracker().Delete(claims, "ci", "d-data") }
	tests := []struct {
		name      string
		before    func(*fake.Clientset)
		meanwhile func(*fake.Clientset) error // after two seconds
		took      time.Duration
		want      string // the error
		is        error
		waiting   []string
	}{
		{"gone immediately", func(*fake.Clientset) {}, nil, 0, "", nil, nil},
		{"gone after a while", lingering, gone, 2 * time.Second, "", nil, nil},
		{"gone before", func(client *fake.Clientset) { _ = gone(client) }, nil, 0, "", nil, nil},
		{"another object has the name", func(client *fake.Clientset) {
			_ = client.Tracker().Update(claims, claimOf("another"), "ci")
			answering("delete", errReplaced)(client)
		}, nil, 0, "deleting persistentvolumeclaim/d-data: another object has this name now, and was not deleted: " + errReplaced.Error(), errReplaced, nil},
		{"another object gets the name", lingering, func(client *fake.Clientset) error {
			return errors.Join(gone(client), client.Tracker().Add(claimOf("another")))
		}, 2 * time.Second, "", nil, nil},
		{"a finalizer keeps it", lingering, nil, 30 * time.Second,
			"deleting persistentvolumeclaim/d-data: it still waits for [kubernetes.io/pvc-protection]: context deadline exceeded",
			context.DeadlineExceeded, []string{"kubernetes.io/pvc-protection"}},
		{"not allowed", answering("delete", errForbidden), nil, 0,
			"deleting persistentvolumeclaim/d-data: pods is forbidden: no", errForbidden, nil},
		{"not allowed to get", func(client *fake.Clientset) { lingering(client); answering("get", errForbidden)(client) }, nil, 0,
			"deleting persistentvolumeclaim/d-data: pods is forbidden: no", errForbidden, nil},
		{"not allowed to watch", func(client *fake.Clientset) {
			lingering(client)
			client.PrependWatchReactor("*", func(ktesting.Action) (bool, watch.Interface, error) { return true, nil, errForbidden })
		}, nil, 0, "deleting persistentvolumeclaim/d-data: pods is forbidden: no", errForbidden, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := fake.NewClientset(claimOf("mine"))
				test.before(client)
				if test.meanwhile != nil {
					time.AfterFunc(2*time.Second, func() {
						if err := test.meanwhile(client); err != nil {
							t.Error(err)
						}
					})
				}
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				began := time.Now()
				var done []int
				err := (&Cluster{Client: client, Namespace: "ci"}).Delete(ctx, mine(), func(n int) { done = append(done, n) })
				if text(err) != test.want || !errors.Is(err, test.is) {
					t.Errorf("got %q, want %q", text(err), test.want)
				}
				if took := time.Since(began); took != test.took {
					t.Errorf("took %s, want %s", took, test.took)
				}
				if (err == nil) != slices.Equal(done, []int{0}) {
					t.Errorf("reported %v", done)
				}
				if failure, is := errors.AsType[*DeleteError](err); err != nil && (!is || !slices.Equal(failure.Waiting, test.waiting)) {
					t.Errorf("got %+v, want finalizers %q", failure, test.waiting)
				}
			})
		})
	}
}

// A watch that is closed again and again does not cause a storm of requests.
func TestDeleteBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset(claimOf("mine"))
		lingering(client)
		watches := 0
		client.PrependWatchReactor("*", func(ktesting.Action) (bool, watch.Interface, error) {
			if watches++; watches == 1000 {
				return true, nil, errForbidden // an end to it
			}
			w := watch.NewRaceFreeFake()
			w.Stop()
			return true, w, nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_ = (&Cluster{Client: client, Namespace: "ci"}).Delete(ctx, mine(), func(int) {})
		if watches > 100 {
			t.Errorf("%d watches in 10 s", watches)
		}
	})
}

// Each request goes to the object's kind and has its UID; kinds that own pods are
// deleted in the foreground.
func TestDeleteRequests(t *testing.T) {
	foreground := map[string]bool{"deployments": true, "cronjobs": true, "jobs": true}
	objects := everything()
	objects = objects[:len(objects)-1]
	client := fake.NewClientset(objects...)
	c := &Cluster{Client: client, Namespace: "ci"}
	var items []Item
	for _, ref := range everyRef() {
		for _, object := range objects {
			if accessor(object).GetName() == ref.Name {
				accessor(object).SetUID(types.UID("uid of " + ref.Name))
				items = append(items, Item{ref, accessor(object)})
			}
		}
	}
	var mu sync.Mutex
	var done []int
	if err := c.Delete(t.Context(), items, func(n int) {
		mu.Lock()
		defer mu.Unlock()
		done = append(done, n)
	}); err != nil {
		t.Fatal(err)
	}
	deletions := 0
	for _, action := range client.Actions() {
		request, is := action.(ktesting.DeleteActionImpl)
		if !is {
			continue
		}
		deletions++
		options, resource := request.DeleteOptions, request.GetResource().Resource
		want := metav1.DeletePropagationBackground
		if foreground[resource] {
			want = metav1.DeletePropagationForeground
		}
		if options.PropagationPolicy == nil || *options.PropagationPolicy != want {
			t.Errorf("%s: propagation %v, want %s", resource, options.PropagationPolicy, want)
		}
		if options.Preconditions == nil || *options.Preconditions.UID != types.UID("uid of "+request.GetName()) {
			t.Errorf("%s: preconditions %v", resource, options.Preconditions)
		}
	}
	if slices.Sort(done); deletions != len(objects) || !slices.Equal(done, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
		t.Errorf("%d of %d deleted, reported %v", deletions, len(objects), done)
	}
}

func TestDeleteSeveral(t *testing.T) {
	client := fake.NewClientset(everything()...)
	for _, resource := range []string{"services", "cronjobs"} {
		client.PrependReactor("delete", resource, func(ktesting.Action) (bool, runtime.Object, error) { return true, nil, errForbidden })
	}
	var mu sync.Mutex
	var done []int
	err := (&Cluster{Client: client, Namespace: "ci"}).Delete(t.Context(), []Item{
		{Ref{"Service", "ci", "service"}, &corev1.Service{}},
		{Ref{"CronJob", "ci", "cron"}, &batchv1.CronJob{}},
		{Ref{"ConfigMap", "ci", "config"}, &corev1.ConfigMap{}},
	}, func(n int) {
		mu.Lock()
		defer mu.Unlock()
		done = append(done, n)
	})
	const want = "deleting service/service: pods is forbidden: no\ndeleting cronjob/cron: pods is forbidden: no"
	if text(err) != want {
		t.Errorf("got  %q\nwant %q", text(err), want)
	}
	if !slices.Equal(done, []int{2}) {
		t.Errorf("reported %v", done)
	}
}

func TestDeleteStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset(claimOf("mine"))
		lingering(client)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		err := (&Cluster{Client: client, Namespace: "ci"}).Delete(ctx, mine(), func(int) {})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func accessor(object runtime.Object) metav1.Object {
	found, err := meta.Accessor(object)
	if err != nil {
		panic(err)
	}
	return found
}
