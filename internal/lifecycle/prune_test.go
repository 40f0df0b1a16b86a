package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/progress"
	"github.com/dindctl/dindctl/internal/rollout"
)

// Without a log, steps and removals update the progress step, and waiting for another
// prune is a message. With a log, all lines go there.
func TestPruneLine(t *testing.T) {
	lines := []string{"+ docker image rm", "removed image app:1", "another prune is running; waiting for it", "TYPE TOTAL"}
	w := newWorld(t)
	var updates, log []string
	for _, line := range lines {
		w.pruneLine(func(s string) { updates = append(updates, s) }, nil)(line)
		w.pruneLine(func(string) { t.Error("update with a log") }, func(s string) { log = append(log, s) })(line)
	}
	if diff := cmp.Diff([][]string{{"docker image rm", "removed image app:1"}, lines, {"info: " + lines[2]}}, [][]string{updates, log, w.messages()}); diff != "" {
		t.Error(diff)
	}
}

// freed is the termination message of a prune that succeeded.
const freed = ""

// measuring makes the disk of the daemon's pod 20 % full, and 15 % after the first look.
// These clients are connected to the daemon, one after the other.
func (w *world) measuring(t *testing.T, clients ...string) {
	looks := 0
	w.withExec(t, func(rw http.ResponseWriter, r *http.Request) {
		if slices.Contains(r.URL.Query()["command"], "clients") {
			now := ""
			if len(clients) > 0 {
				now, clients = clients[0], clients[1:]
			}
			clustertest.Prints(now+"\n")(rw, r)
			return
		}
		looks++
		clustertest.Prints(fmt.Sprintf("4096 100 %d 0 0\n", min(75+5*looks, 85)))(rw, r)
	})
}

func TestPruneNow(t *testing.T) {
	w := installedWorld(t, nil)
	w.RunJobs(batchv1.JobComplete, corev1.PodSucceeded, freed)
	w.measuring(t)
	var log []string
	report, err := w.PruneNow(t.Context(), PruneOptions{Log: func(line string) { log = append(log, line) }})
	if err != nil {
		t.Fatal(err)
	}
	usage := &PruneUsage{ImagesBytes: 3 << 30, BuildCacheBytes: 5 << 30, VolumesBytes: new(int64(1 << 30)), ReclaimableBytes: 2 << 30}
	if !strings.HasPrefix(report.Job, "d-clear-cache-") {
		t.Errorf("job %q", report.Job)
	}
	want := PruneReport{Job: report.Job, ReclaimedBytes: new(int64(5 * 4096)), Before: usage, After: usage}
	if diff := cmp.Diff(want, report); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{
		"Daemon started", "Daemon done: 3 GiB of images, 5 GiB of build cache",
		"Prune started", "Prune done: job/" + report.Job + " succeeded",
	}, w.messages()); diff != "" {
		t.Error(diff)
	}
	w.checkSteps(t)
	if diff := cmp.Diff([]string{"create jobs"}, w.Writes()); diff != "" {
		t.Error(diff)
	}
	if !slices.Equal(log, []string{"fake logs"}) {
		t.Errorf("got log %q", log)
	}
	if w.engine.Closed != len(w.engine.Connected) {
		t.Errorf("%d of %d connections closed", w.engine.Closed, len(w.engine.Connected))
	}
}

// The Job is created only when nothing runs in the daemon and nobody is connected.
func TestPruneNowWhenIdle(t *testing.T) {
	w := installedWorld(t, nil)
	w.RunJobs(batchv1.JobComplete, corev1.PodSucceeded, freed)
	w.measuring(t, "10.244.0.9")
	w.engine.Work = []daemon.Activity{{Builds: 1}, {Builds: 1, Containers: busy.Containers}}
	if _, err := w.PruneNow(t.Context(), PruneOptions{WhenIdle: true}); err != nil {
		t.Fatal(err)
	}
	if messages := w.messages(); len(messages) < 5 || messages[2] != "Idle started" || !strings.HasPrefix(messages[3], "Idle done") || messages[4] != "Prune started" {
		t.Errorf("messages %q", messages)
	}
	const waits = "waiting for clients that push, pull or have a connection for another reason: 10.244.0.9"
	if !slices.ContainsFunc(w.events, func(e progress.Event) bool { return e.Kind == progress.Updated && e.Detail == waits }) {
		t.Errorf("events %v", w.events)
	}
	w.checkSteps(t)
}

func TestPruneNowCreatesTheJobOfTheCronJob(t *testing.T) {
	w := installedWorld(t, nil)
	w.RunJobs(batchv1.JobComplete, corev1.PodSucceeded, freed)
	w.measuring(t)
	if _, err := w.PruneNow(t.Context(), PruneOptions{Overrides: dind.PruneOverrides{All: true}}); err != nil {
		t.Fatal(err)
	}
	for _, action := range w.Actions() {
		create, is := action.(ktesting.CreateActionImpl)
		if !is {
			continue
		}
		job := create.GetObject().(*batchv1.Job)
		if owner := metav1.GetControllerOf(job); owner == nil || owner.Kind != "CronJob" || owner.UID != "cronjobs/d-clear-cache" {
			t.Errorf("owned by %v", owner)
		}
		if !slices.Contains(job.Spec.Template.Spec.Containers[0].Env, corev1.EnvVar{Name: "PRUNE_UNUSED_FOR", Value: "0"}) {
			t.Error("the Job does not have the overrides")
		}
	}
}

func TestPruneNowWithoutSomeResults(t *testing.T) {
	tests := []struct {
		name           string
		before         func(*world)
		freed, counted bool
		warning        string
	}{
		{"the daemon cannot be reached", func(w *world) { w.engine.Refuse = errDown }, true, false,
			"warning: disk use of the daemon could not be read: asking the daemon in pod/d-abc-1: connection refused"},
		{"the daemon does not return its disk usage", func(w *world) { w.engine.UsageErr = errDown }, true, false,
			"warning: disk use of the daemon could not be read: asking the daemon in pod/d-abc-1: connection refused"},
		{"no permission to exec", func(w *world) { w.withExec(t, clustertest.Forbids) }, false, true,
			"warning: it will be unknown how much was freed: running sh in pod/d-abc-1: pods \"d-abc-1\" is forbidden: no exec"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := installedWorld(t, nil)
			w.measuring(t)
			test.before(w)
			w.RunJobs(batchv1.JobComplete, corev1.PodSucceeded, freed)
			report, err := w.PruneNow(t.Context(), PruneOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if (report.ReclaimedBytes != nil) != test.freed || (report.Before != nil) != test.counted || (report.After != nil) != test.counted {
				t.Errorf("got %+v", report)
			}
			if !slices.Contains(w.messages(), test.warning) {
				t.Errorf("messages %q, want %q", w.messages(), test.warning)
			}
			w.checkSteps(t)
		})
	}
}

// The Job's pod is gone, but the prune succeeded.
func TestPruneNowWithoutThePod(t *testing.T) {
	w := installedWorld(t, nil)
	w.RunJobs(batchv1.JobComplete, "", "")
	w.measuring(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	report, err := w.PruneNow(ctx, PruneOptions{})
	if err != nil || report.ReclaimedBytes == nil || report.Job == "" {
		t.Errorf("got %+v, %v", report, err)
	}
}

func TestPruneNowFails(t *testing.T) {
	var (
		missing    *NotInstalledError
		noSchedule *NoScheduleError
		notReady   *rollout.NotReadyError
		jobFailed  *rollout.JobFailedError
	)
	tests := []struct {
		name   string
		world  func(*testing.T) *world
		before func(*testing.T, *world)
		as     any
		want   string
		job    bool // whether it was created
	}{
		{"not installed", func(t *testing.T) *world { return newWorld(t) }, nil, &missing, "d is not installed in namespace ci", false},
		{"no schedule", func(t *testing.T) *world {
			return installedWorld(t, func(o *dind.Options) { o.PruneSchedule = "none" })
		}, nil, &noSchedule, "d in namespace ci was installed without a scheduled prune", false},
		{"the pod is not ready", nil, func(t *testing.T, w *world) {
			change(t, w, deployments, "d", func(d *appsv1.Deployment) { d.Status.AvailableReplicas = 0 })
			change(t, w, pods, "d-abc-1", func(p *corev1.Pod) {
				p.Status.Conditions = nil
				p.Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "denied"}}
			})
		}, &notReady, "deployment/d is not ready", false},
		{"the Job fails", nil, func(_ *testing.T, w *world) { w.RunJobs(batchv1.JobFailed, corev1.PodFailed, "") },
			&jobFailed, "failed: BackoffLimitExceeded: it failed too often", true},
		{"the Job takes too long", nil, func(_ *testing.T, w *world) { w.RunJobs("", corev1.PodRunning, "") },
			&notReady, "is not ready after 30s: running", true},
		{"no permission to create Jobs", nil, func(_ *testing.T, w *world) { refuse(w, "create", "jobs") }, nil, "jobs is forbidden: no", false},
		{"no permission to read CronJobs", nil, func(_ *testing.T, w *world) { refuse(w, "get", "cronjobs") }, nil, "reading cronjob/d-clear-cache: cronjobs is forbidden: no", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := (*world)(nil)
				if test.world != nil {
					w = test.world(t)
				} else {
					w = installedWorld(t, nil)
				}
				if test.before != nil {
					test.before(t, w)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				report, err := w.PruneNow(ctx, PruneOptions{})
				if !strings.Contains(text(err), test.want) || (test.as != nil && !errors.As(err, test.as)) || (test.as == nil && !apierrors.IsForbidden(err)) {
					t.Errorf("got %T: %v, want …%s…", err, err, test.want)
				}
				if (report.Job != "") != test.job {
					t.Errorf("job %q", report.Job)
				}
				w.checkSteps(t)
			})
		})
	}
}
