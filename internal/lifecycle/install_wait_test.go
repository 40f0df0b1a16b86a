package lifecycle

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/rollout"
)

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
				Name:  dind.ContainerName,
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
		if want := []string{"warning: The image docker.io/library/docker:29.7.2-dind cannot be pulled: denied"}; !slices.Equal(warnings, want) {
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
		if !errors.Is(err, context.Canceled) || len(outcome.Objects) != 7 {
			t.Errorf("got %v, %v", outcome.Objects, err)
		}
		w.checkSteps(t)
	})
}

// elastic makes the cluster's class allow expansion.
func elastic(w *world) {
	class := clustertest.DefaultClass()
	class.AllowVolumeExpansion = new(true)
	_ = w.Tracker().Update(storagev1.SchemeGroupVersion.WithResource("storageclasses"), class, "")
}

// Install waits for a growth that it asked for. Every later install works while the
// growth does not come, warns, and limits the cache by what is there.
func TestInstallWaitsForItsOwnGrowthOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		elastic(w)
		w.install(t, options(nil))
		grow := func(o *dind.Options) { o.StorageSize = "10Ti" }
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := w.Install(ctx, options(grow), InstallOptions{SkipPreflight: true})
		var failure *rollout.NotReadyError
		if !errors.As(err, &failure) || failure.Cause == nil || failure.Cause.Reason != "ResizePending" {
			t.Fatalf("the install that asks for more: %v", err)
		}
		for _, change := range []func(*dind.Options){grow, nil} {
			w.reset()
			w.install(t, options(change))
			if messages := strings.Join(w.messages(), "\n"); !strings.Contains(messages, "warning: The volume of claim d-data has not grown yet: 100Gi of 10Ti") {
				t.Errorf("got %s", messages)
			}
		}
		config, err := w.Tracker().Get(corev1.SchemeGroupVersion.WithResource("configmaps"), "ci", "d-config")
		if err != nil || !strings.Contains(config.(*corev1.ConfigMap).Data["daemon.json"], `"80530636800"`) { // 75 GiB
			t.Errorf("the limit of the cache: %v, %v", config, err)
		}
		// Taking it back needs no wait.
		w.install(t, options(func(o *dind.Options) { o.StorageSize = "101Gi" }))
	})
}
