//go:build e2e

package e2e

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// defaultName is an installation's name unless --name says otherwise.
const defaultName = "docker-dind"

// installation is one that is under test.
type installation struct {
	namespace, name string
	image           string
	options         []string // as install got them
	variables       map[string]string
}

// install installs into a new namespace.
func install(t *testing.T, image string, options ...string) *installation {
	t.Helper()
	i := &installation{namespace: newNamespace(t), name: defaultName, image: image}
	i.install(t, append([]string{"--create-namespace"}, options...)...)
	return i
}

// install runs `dindctl install` with these options and takes the variables
// from what it printed.
func (i *installation) install(t *testing.T, options ...string) result {
	t.Helper()
	i.options = options
	r := succeed(t, i.command("install", i.installOptions(options...)...)...)
	i.variables = variablesOf(t, r)
	return r
}

// installOptions adds what every installation under test needs.
func (i *installation) installOptions(options ...string) []string {
	options = append([]string{"--image", i.image}, options...)
	if env.registry != "" && !slices.Contains(options, "--registry-mirror") {
		options = append(options, "--registry-mirror", "http://"+env.registry)
	}
	return options
}

// command is a command line about this installation.
func (i *installation) command(name string, options ...string) []string {
	args := []string{name, "-n", i.namespace}
	if i.name != defaultName {
		args = append(args, "--name", i.name)
	}
	return append(args, options...)
}

// variablesOf reads a `dindctl install > vars.yml`.
func variablesOf(t *testing.T, r result) map[string]string {
	t.Helper()
	block := decode[map[string]map[string]string](t, r)
	if len(block) != 1 || block["variables"]["DOCKER_HOST"] == "" {
		t.Fatalf("stdout is not a block of variables:\n%s", r.stdout)
	}
	return block["variables"]
}

// job runs a CI job next to the daemon.
func (i *installation) job(t *testing.T, script string) ran {
	t.Helper()
	return job(t, i.namespace, i.image, i.variables, script)
}

// pod is the daemon's.
func (i *installation) pod(t *testing.T) *corev1.Pod {
	t.Helper()
	pods := got[*corev1.PodList](t)(env.cluster.CoreV1().Pods(i.namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "app=" + i.name}))
	if len(pods.Items) != 1 {
		t.Fatalf("the daemon has %d pods", len(pods.Items))
	}
	return &pods.Items[0]
}

// claim is the cache volume's.
func (i *installation) claim(t *testing.T) *corev1.PersistentVolumeClaim {
	t.Helper()
	return got[*corev1.PersistentVolumeClaim](t)(env.cluster.CoreV1().PersistentVolumeClaims(i.namespace).Get(t.Context(), i.name+"-data", metav1.GetOptions{}))
}
