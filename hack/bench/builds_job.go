package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/dind"
)

// buildScript is a job's script. Its first comment describes its input and output.
//
//go:embed builds.sh
var buildScript string

// buildPod has the options of a CI job's pod.
type buildPod struct {
	image     string
	megabytes int
	builds    int
	images    int
	// daemon adds a daemon to the pod. registry is that daemon's mirror.
	daemon   bool
	registry string
	// script is run instead of buildScript.
	script string
	env    map[string]string
	token  bool // of the namespace's service account
}

// awaitDaemon begins a script: the job's node may take a moment to route to the daemon.
const awaitDaemon = `tries=0
until docker version >/dev/null 2>&1 || [ "$tries" -eq 300 ]; do tries=$((tries + 1)); sleep 0.1; done
`

// jobContainer is the container that runs the script.
const jobContainer = "build"

func (b buildPod) pod(namespace string) *corev1.Pod {
	script, host := awaitDaemon+b.script, dind.Endpoint(namespace, dind.DefaultName, false)
	if b.script == "" {
		script = buildScript // waits by itself, and measures that
	}
	if b.daemon {
		host = "tcp://127.0.0.1:2375"
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "job-"},
		Spec: corev1.PodSpec{
			RestartPolicy:                 corev1.RestartPolicyNever,
			AutomountServiceAccountToken:  new(b.token),
			EnableServiceLinks:            new(false),
			TerminationGracePeriodSeconds: new(int64(0)),
			Containers: []corev1.Container{{
				Name: jobContainer, Image: b.image, Command: []string{"sh", "-c", script},
				Env: []corev1.EnvVar{
					{Name: "DOCKER_HOST", Value: host}, {Name: "DOCKER_TLS_CERTDIR", Value: ""},
					{Name: "MEGABYTES", Value: strconv.Itoa(b.megabytes)}, {Name: "BUILDS", Value: strconv.Itoa(b.builds)},
					{Name: "IMAGES", Value: strconv.Itoa(b.images)}, {Name: "REGISTRY", Value: b.registry},
				},
			}},
		},
	}
	for name, value := range b.env {
		pod.Spec.Containers[0].Env = append(pod.Spec.Containers[0].Env, corev1.EnvVar{Name: name, Value: literal(value)})
	}
	if b.daemon {
		b.addDaemon(&pod.Spec)
	}
	return pod
}

// literal returns a value that Kubernetes does not expand.
func literal(value string) string { return strings.ReplaceAll(value, "$", "$$") }

// addDaemon adds the `services: docker:dind` of GitLab's guide, in its variant without
// TLS. With --tls=false, dockerd does not wait 15 seconds before it opens the port.
func (b buildPod) addDaemon(pod *corev1.PodSpec) {
	arguments := []string{"--tls=false"}
	if b.registry != "" {
		arguments = append(arguments, "--registry-mirror=http://"+b.registry, "--insecure-registry="+b.registry)
	}
	pod.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	pod.Containers = append(pod.Containers, corev1.Container{
		Name: "docker", Image: b.image, Args: arguments,
		Env:             []corev1.EnvVar{{Name: "DOCKER_TLS_CERTDIR", Value: ""}},
		SecurityContext: &corev1.SecurityContext{Privileged: new(true)},
		VolumeMounts:    []corev1.VolumeMount{{Name: "data", MountPath: dind.DataRoot}},
	})
}

// buildJob runs a job and returns what it measured.
func (a arena) buildJob(ctx context.Context, job buildPod) (burst, error) {
	log, err := a.runJob(ctx, job)
	if err != nil {
		return burst{}, err
	}
	built, err := readBurst(log)
	if err != nil || built.failed > 0 {
		fmt.Fprintf(os.Stderr, "%s\n", log)
	}
	return built, err
}

// runJob runs a job, removes it and returns its log.
func (a arena) runJob(ctx context.Context, job buildPod) (string, error) {
	pods := a.client.CoreV1().Pods(a.namespace)
	pod, err := pods.Create(ctx, job.pod(a.namespace), metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	var end *corev1.ContainerStateTerminated
	err = until(ctx, func(ctx context.Context) error {
		now, err := pods.Get(ctx, pod.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if end = jobEnd(now); end == nil {
			return errors.New("the job has not ended")
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("waiting for pod %s: %w", pod.Name, err)
	}
	log, err := pods.GetLogs(pod.Name, &corev1.PodLogOptions{Container: jobContainer}).DoRaw(ctx)
	if err != nil {
		return "", fmt.Errorf("reading the log of pod %s: %w", pod.Name, err)
	}
	if end.ExitCode != 0 {
		return "", fmt.Errorf("the job ended with %d:\n%s", end.ExitCode, log)
	}
	return string(log), pods.Delete(ctx, pod.Name, metav1.DeleteOptions{})
}

// jobEnd returns the end of the job's container, nil while it runs. A daemon in the pod
// continues.
func jobEnd(pod *corev1.Pod) *corev1.ContainerStateTerminated {
	for _, status := range pod.Status.ContainerStatuses {
		if status.Name == jobContainer {
			return status.State.Terminated
		}
	}
	return nil
}

var measuredLine = regexp.MustCompile(`(?m)^measured: hundredths=(\d+) failed=(\d+)$`)

// readBurst returns what a job measured, from its log.
func readBurst(log string) (burst, error) {
	match := measuredLine.FindStringSubmatch(log)
	if match == nil {
		return burst{}, errors.New("the job measured nothing, see its log above")
	}
	hundredths, err := strconv.Atoi(match[1])
	if err != nil {
		return burst{}, err
	}
	failed, err := strconv.Atoi(match[2])
	return burst{seconds: float64(hundredths) / 100, failed: failed}, err
}
