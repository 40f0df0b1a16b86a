package lifecycle

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/clustertest"
)

// The Deployment follows a claim that binds at once when it is bound, or after a while; one
// that binds for a pod is not waited for.
func TestAwaitBinding(t *testing.T) {
	for _, test := range []struct {
		name        string
		mode        storagev1.VolumeBindingMode
		after, want time.Duration // when the claim is bound, when the Deployment is applied
		how         InstallOptions
	}{
		{"bound soon", storagev1.VolumeBindingImmediate, time.Second, time.Second, InstallOptions{}},
		{"bound late", storagev1.VolumeBindingImmediate, time.Minute, bindingTime, InstallOptions{}},
		{"bound for a pod", storagev1.VolumeBindingWaitForFirstConsumer, time.Second, 0, InstallOptions{}},
		{"without a wait", storagev1.VolumeBindingImmediate, time.Second, 0, InstallOptions{NoWait: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				class := clustertest.DefaultClass()
				class.VolumeBindingMode = &test.mode
				w := newWorld(t)
				if err := w.Tracker().Update(storagev1.SchemeGroupVersion.WithResource("storageclasses"), class, ""); err != nil {
					t.Fatal(err)
				}
				w.Idle = true
				began := time.Now()
				time.AfterFunc(test.after, func() {
					clustertest.Change(t, w.Server, corev1.SchemeGroupVersion.WithResource("persistentvolumeclaims"), "d-data", clustertest.Bind)
				})
				var applied []time.Duration
				w.PrependReactor("patch", "deployments", func(ktesting.Action) (bool, runtime.Object, error) {
					applied = append(applied, time.Since(began))
					return false, nil, nil
				})
				test.how.SkipPreflight = true
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
				defer cancel()
				_, _ = w.Install(ctx, options(nil), test.how)
				if len(applied) == 0 || applied[0].Round(100*time.Millisecond) != test.want {
					t.Errorf("the Deployment was applied after %v, want %v", applied, test.want)
				}
				if lists := len(slices.DeleteFunc(w.Requests("list"), func(r string) bool { return r != "list storageclasses" })); lists > 1 {
					t.Errorf("the classes were listed %d times", lists)
				}
			})
		})
	}
}

// The answer of the API server is kept; a call that its own context ended has none.
func TestStorageClassesAreListedOnce(t *testing.T) {
	w := newWorld(t)
	classes := w.storageClasses()
	ended, end := context.WithCancel(t.Context())
	end()
	_, _ = classes(ended)
	for range 3 {
		if found, err := classes(t.Context()); err != nil || len(found) != 1 {
			t.Errorf("found %v, %v", found, err)
		}
	}
	if asked := len(w.Requests("list")); asked != 2 {
		t.Errorf("asked %d times, want 2", asked)
	}
}
