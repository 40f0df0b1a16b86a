//go:build e2e

package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

// newNamespace returns a unique name for a namespace, but does not create it:
// usually dindctl does. At the end of the test the namespace is removed with
// everything in it and with its volumes.
func newNamespace(t *testing.T) string {
	t.Helper()
	test, _, _ := strings.Cut(strings.TrimPrefix(t.Name(), "Test"), "/")
	name := strings.ToLower("e2e-" + test[:min(len(test), 24)] + "-" + rand.Text()[:6])
	t.Cleanup(func() {
		if t.Failed() {
			describeNamespace(t, name)
		}
		removeNamespace(t, name)
	})
	return name
}

func createNamespace(t *testing.T, name string) {
	t.Helper()
	object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := env.cluster.CoreV1().Namespaces().Create(t.Context(), object, metav1.CreateOptions{})
	must(t, err)
}

func removeNamespace(t *testing.T, name string) {
	t.Helper()
	// The test's own context has ended by now.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	core := env.cluster.CoreV1()
	err := stopPods(ctx, name)
	if err == nil {
		err = core.Namespaces().Delete(ctx, name, metav1.DeleteOptions{})
	}
	if err == nil {
		err = wait.PollUntilContextCancel(ctx, time.Second, true, func(ctx context.Context) (bool, error) {
			_, err := core.Namespaces().Get(ctx, name, metav1.GetOptions{})
			return apierrors.IsNotFound(err), nil
		})
	}
	if err != nil && !apierrors.IsNotFound(err) {
		t.Errorf("removing namespace %s: %v", name, err)
	}
	volumes, err := core.PersistentVolumes().List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Errorf("looking for volumes of namespace %s: %v", name, err)
		return
	}
	for _, volume := range volumes.Items {
		if ref := volume.Spec.ClaimRef; ref == nil || ref.Namespace != name {
			continue
		}
		err := core.PersistentVolumes().Delete(ctx, volume.Name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Errorf("removing volume %s: %v", volume.Name, err)
		}
	}
}

// stopPods deletes the pods of a namespace. Deleting the namespace would do the
// same, but its controller then waits for half of the pods' grace period.
func stopPods(ctx context.Context, namespace string) error {
	owners := metav1.DeleteOptions{PropagationPolicy: new(metav1.DeletePropagationBackground)}
	everything := metav1.ListOptions{}
	pods := env.cluster.CoreV1().Pods(namespace)
	err := errors.Join(
		env.cluster.AppsV1().Deployments(namespace).DeleteCollection(ctx, owners, everything),
		env.cluster.BatchV1().CronJobs(namespace).DeleteCollection(ctx, owners, everything),
		env.cluster.BatchV1().Jobs(namespace).DeleteCollection(ctx, owners, everything),
	)
	if err != nil {
		return err
	}
	return wait.PollUntilContextCancel(ctx, 300*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		left, err := pods.List(ctx, everything)
		if err != nil || len(left.Items) == 0 {
			return err == nil, err
		}
		return false, pods.DeleteCollection(ctx, metav1.DeleteOptions{}, everything)
	})
}

// describeNamespace logs pods and events of a namespace after a failure. When
// somebody reads the log of a CI job, the cluster no longer exists.
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
					b.WriteString("  previous container:\n" + indented(tailOf(ctx, &pod, status.Name, true)))
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
	t.Logf("namespace %s at the end of the test:\n%s", namespace, b.String())
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
