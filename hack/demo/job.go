package main

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"

	"github.com/dindctl/dindctl/internal/dind"
)

// script is what the jobs do: build an image in five steps, one of them slow. It
// waits for the daemon, because a new Service may not be reachable for a second.
const script = `
tries=0
until docker version >/dev/null 2>&1 || [ $tries -ge 50 ]; do
	tries=$((tries + 1))
	sleep 0.2
done
mkdir /tmp/app && cd /tmp/app
echo 'echo hello from a cached layer' > main.sh
cat > Dockerfile <<'END'
FROM busybox:1.37
WORKDIR /app
RUN dd if=/dev/urandom bs=1M count=32 | gzip > dependencies.gz
COPY main.sh .
RUN sh main.sh > greeting
END
echo ` + buildBegins + `
docker build --progress=plain --tag registry.example.com/app:demo . 2>&1
echo ` + buildEnded + `
`

// job runs the script in a new, unprivileged pod, as a CI runner does, and prints
// the log of the build.
func (d demo) job(ctx context.Context, name string, variables []corev1.EnvVar) (build, error) {
	pods := d.client.CoreV1().Pods(namespace)
	pod, err := pods.Create(ctx, jobPod(name, variables), metav1.CreateOptions{})
	if err != nil {
		return build{}, err
	}
	fmt.Printf("pod/%s\n", name)
	if _, err := d.until(ctx, pod, started); err != nil {
		return build{}, fmt.Errorf("starting pod %s: %w", name, err)
	}
	// Each line of the log begins with the time at which it was written.
	log, err := pods.GetLogs(name, &corev1.PodLogOptions{Follow: true, Timestamps: true}).Stream(ctx)
	if err != nil {
		return build{}, err
	}
	defer log.Close()
	b, err := readBuild(log, func(line string) { fmt.Println("  │", line) })
	if err != nil {
		return b, err
	}
	pod, err = d.until(ctx, pod, ended)
	if err != nil {
		return b, err
	}
	if pod.Status.Phase != corev1.PodSucceeded {
		return b, fmt.Errorf("pod %s failed, see its log above", name)
	}
	return b, nil
}

func jobPod(name string, variables []corev1.EnvVar) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			RestartPolicy:                corev1.RestartPolicyNever,
			ActiveDeadlineSeconds:        new(int64(300)),
			AutomountServiceAccountToken: new(false),
			EnableServiceLinks:           new(false),
			Containers: []corev1.Container{{
				Name:  "build",
				Image: dind.DefaultImage,
				// Without the image's entrypoint, which would start a daemon.
				Command: []string{"sh", "-euc", script},
				Env:     variables,
			}},
		},
	}
}

func started(pod *corev1.Pod) bool { return pod.Status.Phase != corev1.PodPending }

func ended(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// until waits until the pod is in that state.
func (d demo) until(ctx context.Context, pod *corev1.Pod, state func(*corev1.Pod) bool) (*corev1.Pod, error) {
	one := fields.OneTermEqualSelector("metadata.name", pod.Name).String()
	watcher := cache.NewFilteredListWatchFromClient(d.client.CoreV1().RESTClient(), "pods", namespace,
		func(options *metav1.ListOptions) { options.FieldSelector = one })
	event, err := watchtools.UntilWithSync(ctx, watcher, &corev1.Pod{}, nil, func(event watch.Event) (bool, error) {
		if event.Type == watch.Deleted {
			return false, errors.New("somebody deleted it")
		}
		pod, is := event.Object.(*corev1.Pod)
		return is && state(pod), nil
	})
	if err != nil {
		return nil, err
	}
	return event.Object.(*corev1.Pod), nil
}
