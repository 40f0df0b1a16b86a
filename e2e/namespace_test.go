//go:build e2e

package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

// patience is how long something may take that a loaded machine does slowly.
// No test asserts on it.
const patience = 5 * time.Minute

// newNamespace gives the name of a namespace that no test had before. It is not
// created: that is mostly the program's part. When the test ends it is removed
// with everything in it and every volume that belonged to it.
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

// stopPods ends whatever runs in a namespace. Deleting the namespace would do,
// but its controller looks at the pods' grace period and then comes back only
// after half of it.
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

// eventually waits until ok says so; what is what is waited for.
func eventually(t *testing.T, what string, ok func(ctx context.Context) (bool, error)) {
	t.Helper()
	if err := wait.PollUntilContextTimeout(t.Context(), 300*time.Millisecond, patience, true, ok); err != nil {
		t.Fatalf("waiting for %s: %v", what, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// got stops the test on an error and gives the value otherwise.
func got[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}
