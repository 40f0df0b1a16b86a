//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// describeNamespace logs what one would look at first after a failure: the
// cluster is gone when somebody reads the log of a CI job.
func describeNamespace(t *testing.T, namespace string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var b strings.Builder
	core := env.cluster.CoreV1()
	if pods, err := core.Pods(namespace).List(ctx, metav1.ListOptions{}); err == nil {
		for _, pod := range pods.Items {
			fmt.Fprintf(&b, "pod/%s %s\n", pod.Name, pod.Status.Phase)
			for _, status := range pod.Status.ContainerStatuses {
				fmt.Fprintf(&b, "  container %s: ready %v, %d restarts, %s\n", status.Name, status.Ready, status.RestartCount, stateOf(status.State))
				b.WriteString(indented(tailOf(ctx, &pod, status.Name, false)))
				if status.RestartCount > 0 {
					b.WriteString("  before:\n" + indented(tailOf(ctx, &pod, status.Name, true)))
				}
			}
		}
	}
	if events, err := core.Events(namespace).List(ctx, metav1.ListOptions{}); err == nil {
		for _, event := range events.Items {
			fmt.Fprintf(&b, "%s %s/%s %s: %s\n", event.LastTimestamp.Format(time.TimeOnly), strings.ToLower(event.InvolvedObject.Kind),
				event.InvolvedObject.Name, event.Reason, event.Message)
		}
	}
	t.Logf("namespace %s as the test left it:\n%s", namespace, b.String())
}

func stateOf(state corev1.ContainerState) string {
	switch {
	case state.Running != nil:
		return "running"
	case state.Waiting != nil:
		return "waiting: " + state.Waiting.Reason + " " + state.Waiting.Message
	case state.Terminated != nil:
		return fmt.Sprintf("ended with %d: %s", state.Terminated.ExitCode, state.Terminated.Reason)
	}
	return "unknown"
}

func tailOf(ctx context.Context, pod *corev1.Pod, container string, previous bool) string {
	const lines = 30
	text, err := env.cluster.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{
		Container: container, Previous: previous, TailLines: new(int64(lines)),
	}).DoRaw(ctx)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func indented(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ") + "\n"
}
