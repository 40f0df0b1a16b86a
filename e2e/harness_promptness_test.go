//go:build e2e

package e2e

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// promptly is how soon dindctl must report a cause after the cluster knows it.
// The cluster's timestamps are truncated to seconds, which accounts for up to
// one second.
const promptly = 5 * time.Second

// watched is an install with a timestamp for each line of stderr.
type watched struct {
	result
	stderr *stamped
}

// watchedInstall runs an install in text form.
func (i *installation) watchedInstall(t *testing.T, options ...string) watched {
	t.Helper()
	c := prepare(t, nil, i.command("install", i.installOptions(options...)...)...)
	lines := &stamped{}
	c.Stderr = lines
	r := c.start(t).wait(t)
	r.stderr = lines.to.String()
	return watched{r, lines}
}

// reports checks that a line with the text was written promptly after the
// cluster knew the cause.
func (w watched) reports(t *testing.T, text string, known time.Time) {
	t.Helper()
	reported := w.stderr.when(text)
	if reported.IsZero() {
		t.Fatalf("stderr does not say %q:\n%s", text, w.result.stderr)
	}
	took := reported.Sub(known)
	t.Logf("%q was reported %.1f s after the cluster knew, to the second", text, took.Seconds())
	if took > promptly {
		t.Errorf("the cluster knew at %s, but dindctl reported it %.1f s later:\n%s", known, took.Seconds(), w.result.stderr)
	}
}

// unscheduledSince returns when the scheduler first failed to place the pod.
func (i *installation) unscheduledSince(t *testing.T) time.Time {
	t.Helper()
	for _, condition := range i.pod(t).Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			return condition.LastTransitionTime.Time
		}
	}
	t.Fatal("the pod is not unschedulable")
	return time.Time{}
}

// refusedSince returns when the Deployment first reported that its pod is
// refused.
func (i *installation) refusedSince(t *testing.T) time.Time {
	t.Helper()
	d := got[*appsv1.Deployment](t)(env.cluster.AppsV1().Deployments(i.namespace).Get(t.Context(), i.name, metav1.GetOptions{}))
	for _, condition := range d.Status.Conditions {
		if condition.Type == appsv1.DeploymentReplicaFailure && condition.Status == corev1.ConditionTrue {
			return condition.LastTransitionTime.Time
		}
	}
	t.Fatal("the pod is not refused")
	return time.Time{}
}

// firstEvent returns when an event with this reason and a message that contains
// the text was first recorded.
func (i *installation) firstEvent(t *testing.T, reason, text string) time.Time {
	t.Helper()
	var first time.Time
	events := got[*corev1.EventList](t)(env.cluster.CoreV1().Events(i.namespace).List(t.Context(), metav1.ListOptions{}))
	for _, event := range events.Items {
		at := event.FirstTimestamp.Time
		if at.IsZero() {
			at = event.EventTime.Time
		}
		if event.Reason == reason && strings.Contains(event.Message, text) && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	if first.IsZero() {
		t.Fatalf("there is no event %s with %q", reason, text)
	}
	return first
}

// shortly is a --timeout for an install that cannot succeed. The cause is known
// long before.
const shortly = "8s"

// stamped is a writer that records when each line was written.
type stamped struct {
	to buffer

	mu    sync.Mutex
	lines []line
}

type line struct {
	at   time.Time
	text string
}

func (s *stamped) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for text := range bytes.Lines(p) {
		s.lines = append(s.lines, line{time.Now(), string(text)})
	}
	return s.to.Write(p)
}

// when returns when a line with the text was first written, or zero.
func (s *stamped) when(text string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lines {
		if strings.Contains(l.text, text) {
			return l.at
		}
	}
	return time.Time{}
}
