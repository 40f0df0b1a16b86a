//go:build e2e

package e2e

import (
	"bytes"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
)

// inPod runs a command in a pod's first container and returns its stdout.
func inPod(t *testing.T, pod *corev1.Pod, command ...string) string {
	t.Helper()
	stdout, stderr, err := tryInPod(t, pod, command...)
	if err != nil {
		t.Fatalf("%v in pod/%s: %v\n%s", command, pod.Name, err, stderr)
	}
	return stdout
}

// tryInPod runs a command that may not live to its end.
func tryInPod(t *testing.T, pod *corev1.Pod, command ...string) (out, errs string, err error) {
	t.Helper()
	request := env.cluster.CoreV1().RESTClient().Post().Resource("pods").Namespace(pod.Namespace).Name(pod.Name).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Container: pod.Spec.Containers[0].Name, Command: command, Stdout: true, Stderr: true}, scheme.ParameterCodec)
	executor := got[remotecommand.Executor](t)(remotecommand.NewWebSocketExecutor(env.config, "GET", request.URL().String()))
	var stdout, stderr bytes.Buffer
	err = executor.StreamWithContext(t.Context(), remotecommand.StreamOptions{Stdout: &stdout, Stderr: &stderr})
	return stdout.String(), stderr.String(), err
}
