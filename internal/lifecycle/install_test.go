package lifecycle

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/apply"
	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/progress"
	"github.com/dindctl/dindctl/internal/rollout"
)

var everyPatch = []string{
	"patch configmaps", "patch cronjobs", "patch deployments", "patch networkpolicies", "patch persistentvolumeclaims", "patch services",
}

// allObjects returns this change for each object of an install with the default
// options.
func allObjects(change string) []ObjectChange {
	return []ObjectChange{
		object("PersistentVolumeClaim", "d-data", change), object("ConfigMap", "d-config", change), object("NetworkPolicy", "d", change),
		object("Service", "d", change), object("Deployment", "d", change), object("CronJob", "d-clear-cache", change),
	}
}

func object(kind, name, change string) ObjectChange {
	return ObjectChange{Kind: kind, Name: name, Change: change}
}

func TestInstallCreatesEverything(t *testing.T) {
	w := newWorld(t)
	outcome, err := w.Install(t.Context(), options(nil), InstallOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := Installation{
		Name: "d", Namespace: "ci", DockerHost: "tcp://d.ci.svc:2375", Objects: allObjects("created"),
		Variables: map[string]string{"DOCKER_HOST": "tcp://d.ci.svc:2375", "DOCKER_TLS_CERTDIR": ""},
	}
	info, _ := w.engine.Info(t.Context())
	want.Daemon = &info
	if diff := cmp.Diff(want, outcome); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{
		"Cluster started", "Cluster done: context test, namespace ci: 6 of 6 objects to create",
		"Objects started", "Objects done: 6 created",
		"Pod started", "Pod done: pod d-abc-1 is ready",
	}, w.messages()[:6]); diff != "" {
		t.Error(diff)
	}
	// These two run concurrently.
	if diff := cmp.Diff([]string{
		"Daemon done: Docker Engine 29.7.2 is responding, storage driver overlay2", "Daemon started",
		"Service done: routes to the pod", "Service started",
	}, slices.Sorted(slices.Values(w.messages()[6:]))); diff != "" {
		t.Error(diff)
	}
	w.checkSteps(t)
	if diff := cmp.Diff(everyPatch, w.Writes()); diff != "" {
		t.Error(diff)
	}
	// Reads, then writes, then waits: a claim may bind only once its pod exists.
	order := map[string]int{"get": 0, "patch": 1, "watch": 2}
	requests := w.Requests("get", "patch", "watch")
	if !slices.IsSortedFunc(requests, func(a, b string) int {
		return order[strings.Fields(a)[0]] - order[strings.Fields(b)[0]]
	}) {
		t.Errorf("wrong order: %q", requests)
	}
	if !slices.Equal(w.engine.Connected, []string{"d-abc-1"}) || w.engine.Closed != 1 {
		t.Errorf("connected to %q, closed %d connections", w.engine.Connected, w.engine.Closed)
	}
}

func TestInstallAgainChangesNothing(t *testing.T) {
	w := installedWorld(t, nil)
	outcome, err := w.Install(t.Context(), options(nil), InstallOptions{CreateNamespace: true})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(allObjects("unchanged"), outcome.Objects); diff != "" {
		t.Error(diff)
	}
	if writes := w.Writes(); len(writes) > 0 {
		t.Errorf("sent %q", writes)
	}
	if outcome.Daemon == nil {
		t.Error("no info about the daemon")
	}
}

func TestInstallRevertsManualChanges(t *testing.T) {
	w := installedWorld(t, nil)
	change(t, w, deployments, "d", func(d *appsv1.Deployment) { d.Spec.Replicas = new(int32(0)) })
	if err := w.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("services"), "ci", "d"); err != nil {
		t.Fatal(err)
	}
	outcome := w.install(t, options(nil))
	if diff := cmp.Diff([]string{"patch deployments", "patch services"}, w.Writes()); diff != "" {
		t.Error(diff)
	}
	if got := summary(outcome.Objects); got != "1 configured, 1 created, 4 unchanged" {
		t.Errorf("got %q", got)
	}
}

// Install waits for an object that is being deleted and creates it again. A dry run
// does not wait.
func TestInstallWaitsForDeletion(t *testing.T) {
	for _, dryRun := range []bool{false, true} {
		w := installedWorld(t, nil)
		change(t, w, deployments, "d", func(d *appsv1.Deployment) {
			d.DeletionTimestamp, d.Finalizers = new(metav1.NewTime(noon)), []string{metav1.FinalizerDeleteDependents}
		})
		observer := w.Observer
		w.Observer = progress.Func(func(e progress.Event) {
			observer.Observe(e)
			if e.Kind == progress.Updated && strings.Contains(e.Detail, "deployment/d is being deleted") {
				if err := w.Tracker().Delete(deployments, "ci", "d"); err != nil {
					t.Error(err)
				}
			}
		})
		outcome, err := w.Install(t.Context(), options(nil), InstallOptions{DryRun: dryRun})
		var terminating *apply.TerminatingError
		if dryRun != errors.As(err, &terminating) {
			t.Errorf("dry run %v: %v", dryRun, err)
		}
		if got := summary(outcome.Objects); !dryRun && got != "1 created, 5 unchanged" {
			t.Errorf("got %q", got)
		}
	}
}

func TestInstallRefusesBeforeTheFirstChange(t *testing.T) {
	unmanaged := metav1.ObjectMeta{Namespace: "ci", Name: "d"}
	owned := metav1.ObjectMeta{Namespace: "ci", Name: "d-data", Labels: dind.Labels("d"),
		DeletionTimestamp: new(metav1.NewTime(noon)), Finalizers: []string{"kubernetes.io/pvc-protection"}}
	tests := []struct {
		name    string
		objects []runtime.Object
		options func(*dind.Options)
		want    string
	}{
		{"unmanaged objects", []runtime.Object{&corev1.Service{ObjectMeta: unmanaged}, &appsv1.Deployment{ObjectMeta: unmanaged}}, nil,
			"service/d, deployment/d: not created by dindctl"},
		{"a claim that is being deleted", []runtime.Object{&corev1.PersistentVolumeClaim{ObjectMeta: owned}}, nil,
			"persistentvolumeclaim/d-data is being deleted (waits for kubernetes.io/pvc-protection)"},
		{"an existing claim that does not exist", nil, func(o *dind.Options) { o.ExistingClaim = "old" }, "there is no claim old in namespace ci"},
		{"invalid options", nil, func(o *dind.Options) { o.MTU = "many" }, `--mtu "many"`},
		{"a storage class that does not exist", nil, func(o *dind.Options) { o.StorageClass = "nope" }, `storage class: there is no class "nope"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.objects...)
			outcome, err := w.Install(t.Context(), options(test.options), InstallOptions{CreateNamespace: true})
			if !strings.Contains(text(err), test.want) {
				t.Errorf("got %v, want …%s…", err, test.want)
			}
			if writes := w.Writes(); len(writes) > 0 || len(outcome.Objects) > 0 {
				t.Errorf("sent %q, reported %v", writes, outcome.Objects)
			}
			w.checkSteps(t)
			if messages := w.messages(); len(messages) != 2 || messages[1] != "Cluster failed: "+text(err) {
				t.Errorf("messages %q", messages)
			}
		})
	}
}

func TestInstallNoWait(t *testing.T) {
	w := newWorld(t)
	w.Idle = true
	outcome, err := w.Install(t.Context(), options(nil), InstallOptions{NoWait: true})
	if err != nil || outcome.Daemon != nil || len(outcome.Objects) != 6 {
		t.Fatalf("got %+v, %v", outcome, err)
	}
	if watches := w.Requests("watch"); len(watches) > 0 || len(w.engine.Connected) > 0 {
		t.Errorf("sent %q, connected to %q", watches, w.engine.Connected)
	}
	w.checkSteps(t)
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
			if writes[0] != "create namespaces" || len(writes) != 7 {
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
		if diff := cmp.Diff([]string{"delete cronjobs", "delete networkpolicies"}, w.Writes()); diff != "" {
			t.Error(diff)
		}
		if got := summary(outcome.Objects); got != "2 deleted, 4 unchanged" {
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
		w.install(t, options(func(o *dind.Options) { o.ExistingClaim = "old" }))
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

// refuse makes the server forbid requests.
func refuse(w *world, verb, resource string) {
	w.PrependReactor(verb, resource, func(action ktesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "", errors.New("no"))
	})
}

func TestInstallLocalVolume(t *testing.T) {
	w := newWorld(t, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "worker"}})
	local := func(o *dind.Options) { o.LocalPath, o.LocalNode = "/mnt/docker", "worker" }
	outcome, err := w.Install(t.Context(), options(local), InstallOptions{})
	if err != nil {
		t.Fatal(err)
	}
	patches := w.Requests("patch")
	first := slices.Sorted(slices.Values(patches[:2]))
	if diff := cmp.Diff([]string{"patch persistentvolumes", "patch storageclasses"}, first); diff != "" || len(patches) != 8 {
		t.Errorf("%q: %s", patches, diff)
	}
	want := []ObjectChange{object("StorageClass", "dindctl-local", "created"), object("PersistentVolume", "ci-d-data", "created")}
	if diff := cmp.Diff(want, outcome.Objects[:2]); diff != "" {
		t.Error(diff)
	}
	w.reset()
	if _, err := w.Install(t.Context(), options(local), InstallOptions{}); err != nil || len(w.Writes()) > 0 {
		t.Errorf("second install: %v, sent %q", err, w.Writes())
	}
}

func TestInstallFails(t *testing.T) {
	tests := []struct {
		name    string
		before  func(*world)
		want    string
		objects string // summary of the outcome
		message string
	}{
		{"an object is refused", func(w *world) { refuse(w, "patch", "services") },
			`applying service/d: services is forbidden: no`, "4 created", "Objects failed: applying service/d: services is forbidden: no"},
		{"no permission to read", func(w *world) { refuse(w, "get", "deployments") },
			`reading deployment/d: deployments is forbidden: no`, "", "Cluster failed: reading deployment/d: deployments is forbidden: no"},
		{"the pod is not created", func(w *world) { w.Idle = true },
			"deployment/d is not ready after 30s: waiting for the deployment controller", "6 created",
			"Pod failed: deployment/d is not ready after 30s: waiting for the deployment controller"},
		{"the daemon does not answer", func(w *world) { w.engine.Refuse = errDown },
			"asking the daemon in pod/d-abc-1: connection refused", "6 created",
			"Daemon failed: asking the daemon in pod/d-abc-1: connection refused"},
		{"the daemon fails", func(w *world) { w.engine.InfoErr = errDown },
			"asking the daemon in pod/d-abc-1: connection refused", "6 created",
			"Daemon failed: asking the daemon in pod/d-abc-1: connection refused"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				test.before(w)
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				outcome, err := w.Install(ctx, options(nil), InstallOptions{SkipPreflight: true})
				if text(err) != test.want || summary(outcome.Objects) != test.objects || outcome.Daemon != nil {
					t.Errorf("got  %q, %q\nwant %q, %q", text(err), summary(outcome.Objects), test.want, test.objects)
				}
				w.checkSteps(t)
				if messages := w.messages(); !slices.Contains(messages, test.message) {
					t.Errorf("messages %q, want %q", messages, test.message)
				}
				if len(w.engine.Connected) != w.engine.Closed && w.engine.Refuse == nil {
					t.Errorf("%d of %d connections closed", w.engine.Closed, len(w.engine.Connected))
				}
			})
		})
	}
}

// Install reports a cause once, even if the pod changes several times.
func TestInstallReportsACauseOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Idle = true
		go func() {
			time.Sleep(time.Second)
			object, _ := w.Tracker().Get(deployments, "ci", "d")
			pod := clustertest.PodOf(object.(*appsv1.Deployment))
			pod.Status = corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{
				State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "denied"}},
			}}}
			d := object.(*appsv1.Deployment)
			clustertest.RollOut(d)
			d.Status.AvailableReplicas = 0
			_ = w.Store(deployments, d, "ci")
			change(t, w, claims, "d-data", clustertest.Bind)
			_ = w.Tracker().Add(pod)
			for n := range 3 {
				time.Sleep(time.Second)
				pod.Annotations = map[string]string{"n": string(rune('a' + n))}
				_ = w.Store(pods, pod, "ci")
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		_, err := w.Install(ctx, options(nil), InstallOptions{SkipPreflight: true})
		var failure *rollout.NotReadyError
		if !errors.As(err, &failure) || failure.Cause == nil || failure.Cause.Reason != "ErrImagePull" {
			t.Errorf("got %v", err)
		}
		var warnings []string
		for _, line := range w.messages() {
			if strings.HasPrefix(line, "warning: ") {
				warnings = append(warnings, line)
			}
		}
		if want := []string{"warning: The image docker:29.7.2-dind cannot be pulled: denied"}; !slices.Equal(warnings, want) {
			t.Errorf("got %q, want %q", warnings, want)
		}
	})
}

func TestInstallInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Idle = true
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		outcome, err := w.Install(ctx, options(nil), InstallOptions{SkipPreflight: true})
		if !errors.Is(err, context.Canceled) || len(outcome.Objects) != 6 {
			t.Errorf("got %v, %v", outcome.Objects, err)
		}
		w.checkSteps(t)
	})
}
