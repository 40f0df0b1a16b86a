package rollout

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestLockHeld(t *testing.T) {
	const probe = "Startup probe failed: "
	for _, test := range []struct {
		name  string
		event string
		other bool // the previous pod still stops
		want  string
	}{
		{"another installation", probe + LockHeld + "\n", false, LockHeld},
		{"the previous pod", probe + LockHeld + "\n", true, "pod old has stopped"},
		{"a slow start", probe + "the Docker daemon is not responding at tcp://127.0.0.1:2375 yet", false, ""},
		{"another probe", "Readiness probe failed: " + LockHeld, false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := healthy()
			v.Deployment.Status.AvailableReplicas = 0
			v.Pods[0].Status.Conditions = nil
			v.Events = []*corev1.Event{event("new", "Unhealthy", test.event)}
			if test.other {
				old := pod("old", 100)
				old.DeletionTimestamp = &metav1.Time{Time: time.Unix(1000, 0)}
				v.Pods = append(v.Pods, old)
			}
			cause := Compute(v).Cause
			switch {
			case test.want == "" && cause == nil:
			case cause == nil || test.want == "" || cause.Reason != LockHeldReason || cause.Final || !strings.Contains(cause.Message, test.want):
				t.Errorf("got %+v, want %q", cause, test.want)
			}
		})
	}
}

func TestPausedIsACause(t *testing.T) {
	v := healthy()
	v.Deployment.Spec.Paused = true
	v.Deployment.Status.UpdatedReplicas = 0
	if cause := Compute(v).Cause; cause == nil || cause.Reason != "Paused" || !strings.Contains(cause.Hint, "kubectl rollout resume deployment/d -n ci") {
		t.Errorf("got %+v", cause)
	}
	v.Deployment.Generation = 1 // before it was applied
	if cause := Compute(v).Cause; cause != nil {
		t.Errorf("an older generation: %+v", cause)
	}
	v = healthy()
	v.Deployment.Spec.Paused = true
	if status := Compute(v); !status.Ready {
		t.Errorf("a daemon that runs: %+v", status)
	}
}

func TestRestarted(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	for _, test := range []struct {
		name     string
		restarts int32
		ended    time.Duration // ago
		age      time.Duration // of the pod
		reason   string
		want     string // "" for nothing
		final    bool
	}{
		{"never", 0, time.Hour, time.Hour, "", "", false},
		{"once, today", 1, time.Hour, 48 * time.Hour, "Error", "restarted once since its pod started, last at 12 Jan 12:46 UTC: it ended with exit code 137", false},
		{"once, the day before", 1, 25 * time.Hour, 48 * time.Hour, "Error", "", false},
		{"for its memory", 2, time.Hour, 48 * time.Hour, "OOMKilled", "2 times since its pod started, last at 12 Jan 12:46 UTC: it was killed for exceeding its memory limit", false},
		{"again and again", 3, time.Hour, 24 * time.Hour, "Error", "3 times", true},
		{"a few times in a month", 3, time.Hour, 30 * 24 * time.Hour, "Error", "3 times", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := pod("new", 0)
			p.CreationTimestamp = metav1.NewTime(now.Add(-test.age))
			p.Status.ContainerStatuses = []corev1.ContainerStatus{
				{Name: "sidecar", RestartCount: 9, LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{FinishedAt: metav1.NewTime(now)}}},
				{Name: "d", RestartCount: test.restarts, LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
					ExitCode: 137, Reason: test.reason, FinishedAt: metav1.NewTime(now.Add(-test.ended)),
				}}},
			}
			cause := Restarted(p, "d", now)
			switch {
			case test.want == "" && cause == nil:
			case test.want == "" || cause == nil || !strings.Contains(cause.Message, test.want) || cause.Final != test.final || cause.Hint == "":
				t.Errorf("got %+v, want %q", cause, test.want)
			}
		})
	}
}
