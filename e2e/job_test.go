//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// ran is how a CI job ended.
type ran struct {
	log  string
	code int
}

// job runs a script as GitLab's Kubernetes executor runs a job: in a pod of its
// own, without privileges, where nothing but the docker client and the
// variables that dindctl printed lead to a daemon.
func job(t *testing.T, namespace, image string, variables map[string]string, script string) ran {
	t.Helper()
	return runPod(t, namespace, jobPod(image, variables, awaitService+script))
}

// awaitService bridges the moment in which the cluster's nodes have yet to
// learn where a Service leads to: nobody can tell when all have. The log says
// whether it was needed.
const awaitService = `tries=0
until docker version >/dev/null 2>&1; do
	tries=$((tries + 1))
	if [ $tries -ge 100 ]; then docker version; exit 1; fi
	sleep 0.1
done
if [ $tries -gt 0 ]; then echo "the Service led nowhere: $tries tries"; fi
`

// runPod runs a pod to its end and removes it.
func runPod(t *testing.T, namespace string, pod *corev1.Pod) ran {
	t.Helper()
	pods := env.cluster.CoreV1().Pods(namespace)
	pod = got[*corev1.Pod](t)(pods.Create(t.Context(), pod, metav1.CreateOptions{}))
	pod = podUntil(t, pod, func(pod *corev1.Pod) bool {
		return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	})
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

// podUntil watches a pod, from the version given, until it is as wanted, and stops the test if it is
// deleted before.
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

// want stops the test unless the job ended with code 0 and its log has each of
// the texts.
func (r ran) want(t *testing.T, texts ...string) ran {
	t.Helper()
	if r.code != 0 {
		t.Fatalf("the job ended with %d:\n%s", r.code, r.log)
	}
	for _, text := range texts {
		if !strings.Contains(r.log, text) {
			t.Fatalf("the job's log does not say %q:\n%s", text, r.log)
		}
	}
	return r
}
