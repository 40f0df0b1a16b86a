package main

import (
	_ "embed"
	"maps"
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
	// afterwards is run after buildScript.
	afterwards string
	// setup has commands that the job runs instead of waiting for a daemon.
	setup []string
	env   map[string]string
	token bool // of the namespace's service account
}

// awaitDaemon begins a script: the job's node may take a moment to route to the daemon.
const awaitDaemon = `tries=0
until docker version >/dev/null 2>&1 || [ "$tries" -eq 300 ]; do tries=$((tries + 1)); sleep 0.1; done
`

// jobContainer is the container that runs the script.
const jobContainer = "build"

func (b buildPod) pod(namespace string) *corev1.Pod {
	host := dind.Endpoint(namespace, dind.DefaultName, false)
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
				Name: jobContainer, Image: b.image, Command: []string{"sh", "-c", b.commands()},
				Env: []corev1.EnvVar{{Name: "DOCKER_HOST", Value: host}, {Name: "DOCKER_TLS_CERTDIR", Value: ""}},
			}},
		},
	}
	for name, value := range b.variables() {
		pod.Spec.Containers[0].Env = append(pod.Spec.Containers[0].Env, corev1.EnvVar{Name: name, Value: literal(value)})
	}
	if b.daemon {
		b.addDaemon(&pod.Spec)
	}
	return pod
}

// commands returns the job's script. buildScript waits for the daemon by itself, and
// measures that.
func (b buildPod) commands() string {
	switch {
	case b.script == "":
		return buildScript + b.afterwards
	case len(b.setup) > 0:
		return b.script
	}
	return awaitDaemon + b.script
}

// variables returns what the job's script reads.
func (b buildPod) variables() map[string]string {
	all := map[string]string{
		"MEGABYTES": strconv.Itoa(b.megabytes), "BUILDS": strconv.Itoa(b.builds), "IMAGES": strconv.Itoa(b.images),
		"REGISTRY": b.registry, "SETUP": strings.Join(b.setup, "\n"),
	}
	maps.Copy(all, b.env)
	return all
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
