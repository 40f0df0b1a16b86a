//go:build e2e

package e2e

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/exec"
)

// serve is a command that answers on port 8080, as the daemon does on its own.
const serve = `sh -c 'mkdir -p /tmp/www && echo served >/tmp/www/version && exec httpd -f -p 8080 -h /tmp/www'`

// startCaller starts a pod with these labels that connects when a test says so.
func startCaller(t *testing.T, namespace string, labels map[string]string) *corev1.Pod {
	t.Helper()
	return startPod(t, namespace, labels, "trap exit TERM; sleep 3600 & wait")
}

// startServer starts a pod that answers, and returns its address.
func startServer(t *testing.T, namespace string) string {
	t.Helper()
	return startPod(t, namespace, nil, serve).Status.PodIP + ":8080"
}

func startPod(t *testing.T, namespace string, labels map[string]string, script string) *corev1.Pod {
	t.Helper()
	pod := jobPod(baseImage, nil, script)
	pod.Labels = labels
	return podUntil(t, got[*corev1.Pod](t)(env.cluster.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{})), podReady)
}

// reaches reports whether a pod gets an answer from an address: host:port of a daemon,
// of its metrics, or of a server of a test.
func reaches(t *testing.T, from *corev1.Pod, address string) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, stderr, err := tryInPod(ctx, t, from, "wget", "-q", "-O", "/dev/null", "-T", "5", "http://"+address+"/version")
	if err == nil || strings.Contains(stderr, "HTTP/1.1 404") {
		return true
	}
	var exit exec.CodeExitError
	if !errors.As(err, &exit) || !strings.Contains(stderr, "can't connect to remote host") && !strings.Contains(stderr, "timed out") {
		t.Fatalf("connecting from pod/%s to %s: %v: %s", from.Name, address, err, stderr)
	}
	return false
}

// awaitReached waits until the pod reaches the address: the node takes a moment to
// apply NetworkPolicies for a new pod, or a changed NetworkPolicy.
func awaitReached(t *testing.T, from *corev1.Pod, address string) {
	t.Helper()
	eventually(t, "pod/"+from.Name+" to reach "+address, func(context.Context) (bool, error) { return reaches(t, from, address), nil })
}

// awaitRefused waits until the pod cannot reach the address.
func awaitRefused(t *testing.T, from *corev1.Pod, address string) {
	t.Helper()
	eventually(t, "a NetworkPolicy to keep pod/"+from.Name+" from "+address, func(context.Context) (bool, error) { return !reaches(t, from, address), nil })
}

// awaitEnforced is awaitRefused for the first such connection of a test. The embedded
// cluster enforces NetworkPolicies. Another cluster that does not skips the test.
func awaitEnforced(t *testing.T, from *corev1.Pod, address string) {
	t.Helper()
	if env.audit != "" {
		awaitRefused(t, from, address)
		return
	}
	err := wait.PollUntilContextTimeout(t.Context(), time.Second, time.Minute, true, func(context.Context) (bool, error) { return !reaches(t, from, address), nil })
	if err != nil {
		t.Skip("the cluster's network plugin does not enforce NetworkPolicies")
	}
}
