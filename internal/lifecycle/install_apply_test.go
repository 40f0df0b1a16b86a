package lifecycle

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/dindctl/dindctl/internal/apply"
	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
)

func TestInstallUpdatesCopiesForAllowedNamespaces(t *testing.T) {
	w := installedWorld(t, secureFor("jobs", "more"))
	w.install(t, options(secureFor("more", "others")))
	for namespace, want := range map[string]bool{"jobs": false, "more": true, "others": true} {
		if got := w.secret(namespace, "d-client-tls") != nil; got != want {
			t.Errorf("copy in %s: %v", namespace, got)
		}
	}
	// A copy is deleted before the Secret no longer lists its namespace.
	sent := w.Requests("delete", "patch")
	if slices.Index(sent, "delete secrets") > slices.Index(sent, "patch secrets") {
		t.Errorf("wrong order: %q", sent)
	}
}

// Install makes the controller retry a refused pod immediately. By itself, it may wait
// a quarter of an hour.
func TestInstallRetriesARefusedPod(t *testing.T) {
	w := installedWorld(t, nil)
	change(t, w, deployments, "d", func(d *appsv1.Deployment) {
		d.Status.Conditions = []appsv1.DeploymentCondition{{
			Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Message: "exceeded quota", LastUpdateTime: metav1.NewTime(noon),
		}}
	})
	w.install(t, options(nil))
	object, err := w.Tracker().Get(deployments, "ci", "d")
	if err != nil {
		t.Fatal(err)
	}
	if got := object.(*appsv1.Deployment).Annotations[dind.RetriedAnnotation]; got != "2026-11-21T12:00:00Z" {
		t.Errorf("got %q", got)
	}
	if diff := cmp.Diff([]string{"patch deployments"}, w.Writes()); diff != "" {
		t.Error(diff)
	}
}

// Without Adopt, install refuses an object that dindctl did not create and previews
// the changes. With Adopt, it takes the object over.
func TestInstallAdoptsUnmanagedObjects(t *testing.T) {
	unmanaged := func() *corev1.Service {
		return &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "d", ResourceVersion: "1", Labels: map[string]string{kube.ManagedByLabel: "Helm"}},
			Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "other"}},
		}
	}
	w := newWorld(t, unmanaged())
	_, err := w.Install(t.Context(), options(nil), InstallOptions{SkipPreflight: true})
	var refused *apply.NotOwnedError
	if !errors.As(err, &refused) || len(refused.Previews) != 1 || len(w.Writes()) > 0 {
		t.Fatalf("got %v, sent %q", err, w.Writes())
	}
	if fields := NewObjectChange(refused.Previews[0]).Fields; !slices.ContainsFunc(fields, func(f apply.FieldChange) bool {
		return f.String() == "spec.selector.app: other → d"
	}) {
		t.Errorf("the preview has %v", fields)
	}
	outcome, err := w.Install(t.Context(), options(nil), InstallOptions{SkipPreflight: true, Adopt: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := summary(outcome.Objects); got != "1 adopted, 6 created" {
		t.Errorf("got %q", got)
	}
	if n := len(slices.DeleteFunc(w.Writes(), func(r string) bool { return r != "patch services" })); n != 3 {
		t.Errorf("%d requests to the Services, want two to adopt one and apply it, and one to create the other", n)
	}
	for _, line := range w.messages() {
		if strings.HasPrefix(line, "info: ") {
			t.Errorf("message %q about an adopted object", line)
		}
	}
	again, err := w.Install(t.Context(), options(nil), InstallOptions{SkipPreflight: true})
	if got := summary(again.Objects); err != nil || got != "7 unchanged" {
		t.Errorf("second install: %q, %v", got, err)
	}
}

func TestInstallCreatesTheNamespace(t *testing.T) {
	tests := []struct {
		name    string
		objects []runtime.Object
		created bool
	}{
		{"missing", nil, true},
		{"present", []runtime.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ci"}}}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.objects...)
			if _, err := w.Install(t.Context(), options(nil), InstallOptions{CreateNamespace: true}); err != nil {
				t.Fatal(err)
			}
			writes := w.Requests("create", "patch")
			if writes[0] != "create namespaces" || len(writes) != 8 {
				t.Errorf("sent %q", writes)
			}
			if _, err := w.Tracker().Get(corev1.SchemeGroupVersion.WithResource("namespaces"), "", "ci"); err != nil {
				t.Error(err)
			}
			if got := slices.Contains(w.messages(), "info: namespace ci created"); got != test.created {
				t.Errorf("messages %q", w.messages())
			}
		})
	}
}

// Install deletes objects of an earlier install that the options no longer include,
// except unmanaged objects and storage.
func TestInstallDeletesUnwantedObjects(t *testing.T) {
	bare := func(o *dind.Options) { o.PruneSchedule, o.NoNetworkPolicy = "none", true }
	t.Run("managed", func(t *testing.T) {
		w := installedWorld(t, nil)
		outcome := w.install(t, options(bare))
		if diff := cmp.Diff([]string{"delete cronjobs", "delete networkpolicies", "patch configmaps", "patch deployments"}, w.Writes()); diff != "" {
			t.Error(diff)
		}
		if got := summary(outcome.Objects); got != "2 configured, 2 deleted, 3 unchanged" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("unmanaged", func(t *testing.T) {
		w := newWorld(t,
			&batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "d-clear-cache"}},
			&networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "d"}})
		w.install(t, options(bare))
		if deleted := w.Requests("delete"); len(deleted) > 0 {
			t.Errorf("sent %q", deleted)
		}
	})
	t.Run("the claim, replaced by an existing one", func(t *testing.T) {
		w := installedWorld(t, nil)
		existing := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "old", UID: "old"}}
		clustertest.Bind(existing)
		existing.Spec.Resources.Requests = existing.Status.Capacity
		if err := w.Tracker().Add(existing); err != nil {
			t.Fatal(err)
		}
		w.install(t, options(func(o *dind.Options) { o.ExistingClaim, o.AllowDataRootChange = "old", true }))
		for _, request := range w.Writes() {
			if strings.HasSuffix(request, "persistentvolumeclaims") || strings.HasPrefix(request, "delete") {
				t.Errorf("sent %q", request)
			}
		}
	})
	t.Run("no permission to delete", func(t *testing.T) {
		w := installedWorld(t, nil)
		refuse(w, "delete", "cronjobs")
		outcome, err := w.Install(t.Context(), options(bare), InstallOptions{SkipPreflight: true})
		if !apierrors.IsForbidden(err) {
			t.Errorf("got %v", err)
		}
		if slices.ContainsFunc(outcome.Objects, func(o ObjectChange) bool { return o.Kind == "CronJob" && o.Change == "deleted" }) {
			t.Error("the CronJob is reported as deleted")
		}
	})
}

// Storage and the objects of every installation are never unwanted.
func TestInstallNeverDeletesStorage(t *testing.T) {
	w := installedWorld(t, nil)
	found, err := w.read(t.Context(), w.refs(dind.Core)...)
	if err != nil {
		t.Fatal(err)
	}
	if found.claim() == nil || !kube.IsManaged(found.claim()) {
		t.Fatal("no managed claim")
	}
	if _, err := w.deleteAll(t.Context(), plan{found: found}.unwanted().rest); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"delete cronjobs", "delete networkpolicies"}, w.Writes()); diff != "" {
		t.Error(diff)
	}
}
