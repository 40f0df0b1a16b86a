package lifecycle

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
)

// statusWorld returns a world with a healthy installation whose pod allows exec.
func statusWorld(t *testing.T) *world {
	t.Helper()
	w := installedWorld(t, nil)
	w.withExec(t, clustertest.Prints(clustertest.StatOutput))
	return w
}

func TestStatusHealthy(t *testing.T) {
	w := statusWorld(t)
	lastPrune(w, batchv1.JobComplete, "")
	w.reset()
	got, err := w.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lastRun, nextRun := noon.Add(-time.Hour), time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	want := Status{
		Name: "d", Namespace: "ci", Context: "test", Options: map[string]any{}, Healthy: true, DockerHost: "tcp://d.ci.svc:2375", Node: "node-1",
		Objects: []ObjectState{
			{"PersistentVolumeClaim", "d-data", "Bound", true, "100Gi, standard"},
			{"ConfigMap", "d-config", "Present", true, ""},
			{"NetworkPolicy", "d", "Created", true, "`dindctl verify --from NAMESPACE` shows whether it is enforced"},
			{"Service", "d-pods", "Headless", true, "2375/TCP"},
			{"Service", "d", "ClusterIP", true, "2375/TCP"},
			{"Deployment", "d", "Ready", true, "pod d-abc-1 on node node-1"},
			{"CronJob", "d-clear-cache", "Scheduled", true, "0 0 * * 0"},
		},
		Daemon: &daemon.Info{Version: "29.7.2", APIVersion: "1.52", MinAPIVersion: "1.40", StorageDriver: "overlay2", RootDir: dind.DataRoot, CgroupVersion: "2"},
		Disk: &Disk{
			CapacityBytes: new(int64(100 << 30)), UsedBytes: new(int64(20 << 30)), InodesUsedPercent: new(5.0),
			ImagesBytes: new(int64(3 << 30)), BuildCacheBytes: new(int64(5 << 30)), VolumesBytes: new(int64(1 << 30)), ContainersBytes: new(int64(0)), ReclaimableBytes: new(int64(2 << 30)),
		},
		Limits:    &Limits{CgroupVersion: "2"},
		Leftovers: &daemon.Leftovers{Containers: []daemon.Leftover{}, Builders: []daemon.Leftover{}, Networks: []daemon.Leftover{}},
		Prune: &Prune{
			Schedule: "0 0 * * 0", LastRun: &lastRun, LastResult: new("succeeded"), NextRun: &nextRun,
		},
		Problems: []Problem{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if writes := w.Writes(); len(writes) > 0 {
		t.Errorf("sent %q", writes)
	}
	if w.engine.Closed != 1 {
		t.Errorf("%d connections closed", w.engine.Closed)
	}
}

// Each case breaks one thing and expects its problems.
func TestStatusReportsProblems(t *testing.T) {
	remove := func(resource schema.GroupVersionResource, name string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			if err := w.Tracker().Delete(resource, "ci", name); err != nil {
				t.Fatal(err)
			}
		}
	}
	waiting := func(reason, message string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			change(t, w, deployments, "d", func(d *appsv1.Deployment) { d.Status.AvailableReplicas = 0 })
			change(t, w, pods, "d-abc-1", func(p *corev1.Pod) {
				p.Status = corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{
					Name:  dind.ContainerName,
					State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}},
				}}}
			})
		}
	}
	core := corev1.SchemeGroupVersion
	tests := []struct {
		name     string
		damage   func(*testing.T, *world)
		healthy  bool
		problems []string // severity, reason, object
		daemon   bool     // whether it answers
	}{
		{"no Deployment", remove(deployments, "d"), false, []string{"error Missing Deployment"}, false},
		{"no Service", remove(core.WithResource("services"), "d"), false, []string{"error Missing Service"}, true},
		{"no claim", remove(claims, "d-data"), false, []string{"error Missing PersistentVolumeClaim"}, true},
		// The pod still runs. A new one could not start.
		{"no ConfigMap", remove(core.WithResource("configmaps"), "d-config"), false, []string{"error Missing ConfigMap"}, true},
		{"no CronJob", remove(batchv1.SchemeGroupVersion.WithResource("cronjobs"), "d-clear-cache"), false, []string{"error CronJobMissing cronjob/d-clear-cache"}, true},
		{"no NetworkPolicy", remove(networkingv1.SchemeGroupVersion.WithResource("networkpolicies"), "d"), false, []string{"error PolicyMissing networkpolicy/d"}, true},
		{"no pod", func(t *testing.T, w *world) {
			remove(pods, "d-abc-1")(t, w)
			change(t, w, deployments, "d", func(d *appsv1.Deployment) { d.Status.AvailableReplicas, d.Status.Replicas = 0, 0 })
		}, false, []string{"error NotReady deployment/d"}, false},
		{"scaled to zero", func(t *testing.T, w *world) {
			remove(pods, "d-abc-1")(t, w)
			change(t, w, deployments, "d", func(d *appsv1.Deployment) {
				d.Spec.Replicas, d.Status = new(int32(0)), appsv1.DeploymentStatus{ObservedGeneration: d.Generation}
			})
		}, false, []string{"error ScaledToZero deployment/d"}, false},
		{"image cannot be pulled", waiting("ErrImagePull", "denied"), false, []string{"error ErrImagePull pod/d-abc-1"}, false},
		{"an event has the cause", func(t *testing.T, w *world) {
			waiting("ContainerCreating", "")(t, w)
			event := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "e"}, Reason: "FailedMount", Message: "no such file or directory"}
			event.InvolvedObject.UID = types.UID("pod")
			if err := w.Tracker().Add(event); err != nil {
				t.Fatal(err)
			}
		}, false, []string{"error FailedMount pod/d-abc-1"}, false},
		{"no permission to read events", func(t *testing.T, w *world) {
			waiting("ErrImagePull", "denied")(t, w)
			refuse(w, "list", "events")
		}, false, []string{"warning EventsUnknown deployment/d", "error ErrImagePull pod/d-abc-1"}, false},
		{"claim not bound", func(t *testing.T, w *world) {
			change(t, w, claims, "d-data", func(c *corev1.PersistentVolumeClaim) { c.Status.Phase = corev1.ClaimLost })
		}, false, []string{"error ClaimLost persistentvolumeclaim/d-data"}, false},
		{"the daemon does not answer", func(_ *testing.T, w *world) { w.engine.Refuse = errDown }, false,
			[]string{"error DaemonUnreachable pod/d-abc-1"}, false},
		{"the daemon fails", func(_ *testing.T, w *world) { w.engine.InfoErr, w.engine.UsageErr = errDown, errDown }, false,
			[]string{"error DaemonUnreachable pod/d-abc-1"}, false},
		{"the daemon does not return its disk usage", func(_ *testing.T, w *world) { w.engine.UsageErr = errDown }, true,
			[]string{"warning DiskUsageUnknown pod/d-abc-1"}, true},
		{"no permission to exec", func(t *testing.T, w *world) { w.withExec(t, clustertest.Forbids) }, true,
			[]string{"warning FileSystemUnknown pod/d-abc-1"}, true},
		{"stat prints nothing", func(t *testing.T, w *world) { w.withExec(t, clustertest.Prints("")) }, true,
			[]string{"warning FileSystemUnknown pod/d-abc-1"}, true},
		{"the last prune failed", func(_ *testing.T, w *world) { lastPrune(w, batchv1.JobFailed, "") }, true,
			[]string{"warning PruneFailed job/d-clear-cache-1"}, true},
		{"no permission to list Jobs", func(_ *testing.T, w *world) { refuse(w, "list", "jobs") }, true,
			[]string{"warning RunsUnknown cronjob/d-clear-cache"}, true},
		{"invalid schedule", func(t *testing.T, w *world) {
			change(t, w, batchv1.SchemeGroupVersion.WithResource("cronjobs"), "d-clear-cache", func(c *batchv1.CronJob) { c.Spec.Schedule = "weekly" })
		}, true, []string{"warning ScheduleInvalid cronjob/d-clear-cache"}, true},
		// A job cannot use a ready pod that the Service does not route to.
		{"the Service routes nowhere", remove(discoveryv1.SchemeGroupVersion.WithResource("endpointslices"), "d-x"), false,
			[]string{"error NoEndpoint service/d"}, true},
		{"no permission to list EndpointSlices", func(_ *testing.T, w *world) { refuse(w, "list", "endpointslices") }, true,
			[]string{"warning EndpointsUnknown service/d"}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := statusWorld(t)
			test.damage(t, w)
			status, err := w.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			checkProblems(t, status, test.problems...)
			if status.Healthy != test.healthy || (status.Daemon != nil) != test.daemon {
				t.Errorf("healthy: %v, daemon %v", status.Healthy, status.Daemon)
			}
		})
	}
}

// checkProblems compares the problems, as severity, reason and object.
func checkProblems(t *testing.T, status Status, want ...string) {
	t.Helper()
	var problems []string
	for _, p := range status.Problems {
		problems = append(problems, strings.Join([]string{p.Severity, p.Reason, p.Object}, " "))
		if p.Message == "" || p.Hint == "" {
			t.Errorf("%s has no message or no hint: %+v", p.Reason, p)
		}
	}
	if diff := cmp.Diff(want, problems); diff != "" {
		t.Error(diff)
	}
}

func TestStatusFails(t *testing.T) {
	t.Run("not installed", func(t *testing.T) {
		var missing *NotInstalledError
		if _, err := newWorld(t).Status(t.Context()); !errors.As(err, &missing) || missing.Claim != "" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("only the claim remains", func(t *testing.T) {
		claim := claimFor("d-data", "d")
		var missing *NotInstalledError
		if _, err := newWorld(t, claim).Status(t.Context()); !errors.As(err, &missing) || missing.Claim != "d-data" {
			t.Errorf("got %v", err)
		}
	})
	for _, request := range []string{"get deployments", "list pods"} {
		t.Run("no permission to "+request, func(t *testing.T) {
			w := statusWorld(t)
			verb, resource, _ := strings.Cut(request, " ")
			refuse(w, verb, resource)
			if _, err := w.Status(t.Context()); !apierrors.IsForbidden(err) {
				t.Errorf("got %v", err)
			}
		})
	}
	// Even while a request gets no answer.
	t.Run("interrupted", func(t *testing.T) {
		w := statusWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		w.withExec(t, func(http.ResponseWriter, *http.Request) { cancel(); <-release })
		t.Cleanup(func() { close(release) })
		ended := make(chan error, 1)
		go func() { _, err := w.Status(ctx); ended <- err }()
		select {
		case err := <-ended:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		case <-time.After(2 * time.Second):
			t.Error("Status did not return")
		}
	})
}
