//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/remotecommand"
	watchtools "k8s.io/client-go/tools/watch"
)

// jobPod returns the pod of a CI job.
func jobPod(image string, variables map[string]string, script string) *corev1.Pod {
	container := corev1.Container{Name: "build", Image: image, Command: []string{"sh", "-eu", "-c", script}}
	for name, value := range variables {
		container.Env = append(container.Env, corev1.EnvVar{Name: name, Value: value})
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "job-"},
		Spec: corev1.PodSpec{
			RestartPolicy:                corev1.RestartPolicyNever,
			AutomountServiceAccountToken: new(false),
			Containers:                   []corev1.Container{container},
		},
	}
}

// runPod runs a pod to its end and deletes it.
func runPod(t *testing.T, namespace string, pod *corev1.Pod) ran {
	t.Helper()
	pods := env.cluster.CoreV1().Pods(namespace)
	pod = got[*corev1.Pod](t)(pods.Create(t.Context(), pod, metav1.CreateOptions{}))
	pod = podUntil(t, pod, ended)
	log := got[[]byte](t)(pods.GetLogs(pod.Name, &corev1.PodLogOptions{}).DoRaw(t.Context()))
	outcome := ran{log: string(log), code: -1}
	for _, status := range pod.Status.ContainerStatuses {
		if end := status.State.Terminated; end != nil {
			outcome.code = int(end.ExitCode)
		}
	}
	t.Logf("pod/%s ran: %s\n%s[exit code %d]", pod.Name, strings.TrimPrefix(pod.Spec.Containers[0].Command[3], awaitService), outcome.log, outcome.code)
	must(t, pods.Delete(t.Context(), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))}))
	return outcome
}

// podUntil watches a pod from its resource version until wanted returns true.
// It stops the test if the pod is deleted before.
func podUntil(t *testing.T, pod *corev1.Pod, wanted func(*corev1.Pod) bool) *corev1.Pod {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	pods := env.cluster.CoreV1().Pods(pod.Namespace)
	source := &cache.ListWatch{WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
		options.FieldSelector = fields.OneTermEqualSelector("metadata.name", pod.Name).String()
		return pods.Watch(ctx, options)
	}}
	event, err := watchtools.Until(ctx, pod.ResourceVersion, source, func(event watch.Event) (bool, error) {
		current, is := event.Object.(*corev1.Pod)
		return is && (event.Type == watch.Deleted || wanted(current)), nil
	})
	if err != nil || event.Type == watch.Deleted {
		t.Fatalf("waiting for pod/%s: %v", pod.Name, err)
	}
	return event.Object.(*corev1.Pod)
}

// podReady reports whether the pod is ready.
func podReady(pod *corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// ended reports whether all containers of the pod have ended.
func ended(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// inPod runs a command in a pod's first container and returns its stdout.
func inPod(t *testing.T, pod *corev1.Pod, command ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stdout, stderr, err := tryInPod(ctx, t, pod, command...)
	if err != nil {
		t.Fatalf("%v in pod/%s: %v\n%s", command, pod.Name, err, stderr)
	}
	return stdout
}

// tryInPod runs a command that may be killed. In a container that stops it may hang until
// ctx ends it.
func tryInPod(ctx context.Context, t *testing.T, pod *corev1.Pod, command ...string) (out, errs string, err error) {
	t.Helper()
	request := env.cluster.CoreV1().RESTClient().Post().Resource("pods").Namespace(pod.Namespace).Name(pod.Name).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Container: pod.Spec.Containers[0].Name, Command: command, Stdout: true, Stderr: true}, scheme.ParameterCodec)
	executor := got[remotecommand.Executor](t)(remotecommand.NewWebSocketExecutor(env.config, "GET", request.URL().String()))
	var stdout, stderr bytes.Buffer
	err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: &stdout, Stderr: &stderr})
	return stdout.String(), stderr.String(), err
}

// putSecret creates a Secret.
func putSecret(t *testing.T, namespace, name string, files map[string][]byte) {
	t.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: files}
	_, err := env.cluster.CoreV1().Secrets(namespace).Create(t.Context(), secret, metav1.CreateOptions{})
	must(t, err)
}

// withSecret mounts a Secret into a job's pod, as a runner does.
func withSecret(pod *corev1.Pod, name, path string) *corev1.Pod {
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{
		Name: name, VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: name}},
	})
	container := &pod.Spec.Containers[0]
	container.VolumeMounts = append(container.VolumeMounts, corev1.VolumeMount{Name: name, MountPath: path, ReadOnly: true})
	return pod
}
