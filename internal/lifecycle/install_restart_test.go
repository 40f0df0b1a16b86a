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
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/tunnel"
)

var (
	busy          = daemon.Activity{Builds: 2, Containers: clustertest.Running(noon.Add(-3*time.Hour), "web")}
	restarting    = func(o *dind.Options) { o.MTU = "1400" }
	notRestarting = func(o *dind.Options) { o.PruneSchedule = "0 1 * * *" }
)

// Before install replaces the pod of a running daemon, it reports what that aborts, and
// with WhenIdle it waits.
func TestInstallReportsRestart(t *testing.T) {
	two, one, zero := 2, 1, 0
	tests := map[string]struct {
		options func(*dind.Options)
		how     InstallOptions
		engine  *clustertest.Engine // nil for the default
		before  func(*testing.T, *world)
		message string
		restart *Restart
	}{
		"builds run": {
			options: restarting, engine: &clustertest.Engine{Work: []daemon.Activity{busy}},
			message: "warning: restarting pod/d-abc-1 aborts 2 builds and 1 container (use --when-idle to wait)",
			restart: &Restart{Pod: "d-abc-1", Builds: &two, Containers: &one},
		},
		"nothing runs": {
			options: restarting,
			message: "info: restarting pod/d-abc-1 aborts nothing",
			restart: &Restart{Pod: "d-abc-1", Builds: &zero, Containers: &zero},
		},
		"an engine that does not report builds": {
			options: restarting, engine: &clustertest.Engine{Work: []daemon.Activity{{BuildsUnknown: true, Containers: busy.Containers}}},
			message: "warning: restarting pod/d-abc-1 aborts 1 container, and possibly builds (this engine does not report them) (use --when-idle to wait)",
			restart: &Restart{Pod: "d-abc-1", Containers: &one},
		},
		"a daemon that does not answer": {
			options: restarting, how: InstallOptions{NoWait: true}, engine: &clustertest.Engine{Refuse: errDown},
			message: "warning: restarting pod/d-abc-1 aborts whatever runs in it, which is unknown: asking the daemon in pod/d-abc-1: connection refused",
			restart: &Restart{Pod: "d-abc-1"},
		},
		"a change without a restart": {options: notRestarting, engine: &clustertest.Engine{Work: []daemon.Activity{busy}}},
		"a repair without a restart": {
			before: func(t *testing.T, w *world) {
				change(t, w, deployments, "d", func(d *appsv1.Deployment) { d.Spec.Replicas = new(int32(3)) })
			},
			engine: &clustertest.Engine{Work: []daemon.Activity{busy}},
		},
		"no change": {engine: &clustertest.Engine{Work: []daemon.Activity{busy}}},
		"with --when-idle": {
			options: restarting, how: InstallOptions{WhenIdle: true},
			engine:  &clustertest.Engine{Work: []daemon.Activity{busy, {Builds: 1}}},
			message: "info: restarting pod/d-abc-1 aborts nothing",
			restart: &Restart{Pod: "d-abc-1", Builds: &zero, Containers: &zero},
		},
		"with --when-idle, connection lost": {
			options: restarting, how: InstallOptions{WhenIdle: true},
			engine:  &clustertest.Engine{Work: []daemon.Activity{busy, {Builds: 1}}, Lost: tunnel.ErrLost},
			message: "info: restarting pod/d-abc-1 aborts nothing",
			restart: &Restart{Pod: "d-abc-1", Builds: &zero, Containers: &zero},
		},
		"a dry run": {
			options: restarting, how: InstallOptions{DryRun: true, WhenIdle: true}, engine: &clustertest.Engine{Work: []daemon.Activity{busy}},
			message: "warning: restarting pod/d-abc-1 would abort 2 builds and 1 container",
			restart: &Restart{Pod: "d-abc-1", Builds: &two, Containers: &one},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := installedWorld(t, nil)
			if test.engine != nil {
				w.engine = test.engine
			}
			if test.before != nil {
				test.before(t, w)
			}
			test.how.SkipPreflight = true
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			outcome, err := w.Install(ctx, options(test.options), test.how)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.restart, outcome.Restart, cmpopts.IgnoreUnexported(Restart{})); diff != "" {
				t.Error(diff)
			}
			var about []string
			for _, line := range w.messages() {
				if strings.Contains(line, "restart") {
					about = append(about, line)
				}
			}
			var want []string
			if test.message != "" {
				want = []string{test.message}
			}
			if diff := cmp.Diff(want, about); diff != "" {
				t.Error(diff)
			}
			w.checkSteps(t)
		})
	}
}

// If the wait fails, install changes nothing.
func TestWhenIdleFails(t *testing.T) {
	t.Run("timeout", func(t *testing.T) {
		w := installedWorld(t, nil)
		w.engine.Work, w.engine.Endless = []daemon.Activity{busy, {Containers: busy.Containers}}, true
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := w.Install(ctx, options(restarting), InstallOptions{WhenIdle: true, SkipPreflight: true})
			var stillBusy *BusyError
			if !errors.As(err, &stillBusy) {
				t.Fatalf("%#v", err)
			}
			if want := "pod/d-abc-1 is not idle after 0s: 2 builds and 1 container: web (busybox:1.37, 3h)"; err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if got, want := stillBusy.Removal(), "kubectl exec -n ci pod/d-abc-1 -c docker-dind -- docker rm -f -v web"; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
		if writes := w.Writes(); len(writes) > 0 {
			t.Errorf("sent %q", writes)
		}
		w.checkSteps(t)
	})
	t.Run("the daemon does not answer", func(t *testing.T) {
		w := installedWorld(t, nil)
		w.engine.Refuse = errDown
		_, err := w.Install(t.Context(), options(restarting), InstallOptions{WhenIdle: true, SkipPreflight: true})
		var unreachable *DaemonError
		if !errors.As(err, &unreachable) || len(w.Writes()) > 0 {
			t.Errorf("%v, sent %q", err, w.Writes())
		}
	})
}

// Install reads the cluster again after the wait.
func TestWhenIdleReadsAgain(t *testing.T) {
	w := installedWorld(t, nil)
	w.engine.Work = []daemon.Activity{busy}
	if _, err := w.Install(t.Context(), options(restarting), InstallOptions{WhenIdle: true, SkipPreflight: true}); err != nil {
		t.Fatal(err)
	}
	reads := 0
	for _, request := range w.Requests("get") {
		if request == "get deployments" {
			reads++
		}
	}
	if reads != 2 {
		t.Errorf("the Deployment was read %d times: %q", reads, w.Requests())
	}
	if messages := w.messages(); !slices.Contains(messages, "Idle done: nothing runs in pod/d-abc-1 any more") {
		t.Errorf("messages %q", messages)
	}
}

func TestFirstRunning(t *testing.T) {
	running := corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{Name: dind.ContainerName, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}}
	tests := map[string]struct {
		pod  corev1.Pod
		want bool
	}{
		"running":         {corev1.Pod{Status: running}, true},
		"being deleted":   {corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &metav1.Time{}}, Status: running}, false},
		"pending":         {corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodPending}}, false},
		"between crashes": {corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{Name: dind.ContainerName}}}}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := firstRunning([]corev1.Pod{test.pod}) != nil; got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
