package lifecycle

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/dind"
)

var everyPatch = []string{
	"patch configmaps", "patch cronjobs", "patch deployments", "patch networkpolicies", "patch persistentvolumeclaims", "patch services", "patch services",
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
		"Cluster started", "Cluster done: context test, namespace ci: 7 of 7 objects to create",
		"Objects started", "Objects done: 7 created",
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
	// Reads, then writes, then waits: a claim may bind only once its pod exists. At the
	// end it reads the daemon's log.
	order := map[string]int{"get": 0, "patch": 1, "watch": 2}
	requests := w.Requests("get", "patch", "watch")
	requests, log := requests[:len(requests)-1], requests[len(requests)-1]
	if diff := cmp.Diff("get pods", log); diff != "" {
		t.Error(diff)
	}
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
	if got := summary(outcome.Objects); got != "1 configured, 1 created, 5 unchanged" {
		t.Errorf("got %q", got)
	}
}

func TestInstallNoWait(t *testing.T) {
	w := newWorld(t)
	w.Idle = true
	outcome, err := w.Install(t.Context(), options(nil), InstallOptions{NoWait: true})
	if err != nil || outcome.Daemon != nil || len(outcome.Objects) != 7 {
		t.Fatalf("got %+v, %v", outcome, err)
	}
	if watches := w.Requests("watch"); len(watches) > 0 || len(w.engine.Connected) > 0 {
		t.Errorf("sent %q, connected to %q", watches, w.engine.Connected)
	}
	w.checkSteps(t)
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
	if diff := cmp.Diff([]string{"patch persistentvolumes", "patch storageclasses"}, first); diff != "" || len(patches) != 9 {
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
		{"an object is refused", func(w *world) { refuse(w, "patch", "configmaps") },
			`applying configmap/d-config: configmaps is forbidden: no`, "5 created", "Objects failed: applying configmap/d-config: configmaps is forbidden: no"},
		{"no permission to read", func(w *world) { refuse(w, "get", "deployments") },
			`reading deployment/d: deployments is forbidden: no`, "", "Cluster failed: reading deployment/d: deployments is forbidden: no"},
		{"the pod is not created", func(w *world) { w.Idle = true },
			"deployment/d is not ready after 30s: waiting for the deployment controller", "7 created",
			"Pod failed: deployment/d is not ready after 30s: waiting for the deployment controller"},
		{"the daemon does not answer", func(w *world) { w.engine.Refuse = errDown },
			"asking the daemon in pod/d-abc-1: connection refused", "7 created",
			"Daemon failed: asking the daemon in pod/d-abc-1: connection refused"},
		{"the daemon fails", func(w *world) { w.engine.InfoErr = errDown },
			"asking the daemon in pod/d-abc-1: connection refused", "7 created",
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

func TestInstallVerifies(t *testing.T) {
	for _, test := range []struct {
		name, message string
		how           InstallOptions
		job           bool
		want          string // the error
	}{
		{"not by default", verified, InstallOptions{}, false, ""},
		{"with VerifyJob", verified, InstallOptions{VerifyJob: true}, true, ""},
		{"with VerifyJob, the build fails", "outcome=failed\n\nx", InstallOptions{VerifyJob: true}, true, "its build fails"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.RunJobs(batchv1.JobComplete, corev1.PodSucceeded, test.message)
			test.how.SkipPreflight = true
			got, err := w.Install(t.Context(), options(nil), test.how)
			if (err == nil) != (test.want == "") || !strings.Contains(text(err), test.want) {
				t.Errorf("got %v", err)
			}
			if (got.Verification != nil) != test.job || slices.Contains(w.Writes(), "create jobs") != test.job {
				t.Errorf("got %+v, %q", got.Verification, w.Writes())
			}
			if test.job && err == nil && !got.Verification.Cached {
				t.Errorf("got %+v", got.Verification)
			}
			w.checkNoJobs(t)
		})
	}
}
