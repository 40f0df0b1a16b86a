//go:build e2e

package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// defaultName is an installation's name without --name.
const defaultName = "docker-dind"

// installation is an installation under test.
type installation struct {
	namespace, name string
	image           string
	options         []string // of the last install
	variables       map[string]string
}

// newInstallation returns an installation that does not exist yet, in a
// namespace that does not exist yet.
func newInstallation(t *testing.T, image string) *installation {
	t.Helper()
	return &installation{namespace: newNamespace(t), name: defaultName, image: image}
}

// install installs into a new namespace.
func install(t *testing.T, image string, options ...string) *installation {
	t.Helper()
	i := newInstallation(t, image)
	i.install(t, append([]string{"--create-namespace"}, options...)...)
	return i
}

// inNewNamespace returns an installation that does not exist yet, in a new
// namespace that exists, so that a test can prepare the namespace.
func inNewNamespace(t *testing.T, labels map[string]string) *installation {
	t.Helper()
	i := newInstallation(t, env.newest())
	namespaces, accounts := env.cluster.CoreV1().Namespaces(), env.cluster.CoreV1().ServiceAccounts(i.namespace)
	_, err := namespaces.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: i.namespace, Labels: labels}}, metav1.CreateOptions{})
	must(t, err)
	// Without the service account every pod is refused.
	eventually(t, "the service account", func(ctx context.Context) (bool, error) {
		_, err := accounts.Get(ctx, "default", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return err == nil, err
	})
	return i
}

// install runs `dindctl install` with the options and keeps the variables that
// it prints.
func (i *installation) install(t *testing.T, options ...string) result {
	t.Helper()
	i.options = options
	r := succeed(t, i.command("install", i.installOptions(options...)...)...)
	i.variables = variablesOf(t, r)
	return r
}

// installOptions adds the options that every installation under test needs.
func (i *installation) installOptions(options ...string) []string {
	options = append([]string{"--image", i.image}, options...)
	if env.registry != "" && !slices.Contains(options, "--registry-mirror") {
		options = append(options, "--registry-mirror", "http://"+env.registry)
	}
	if !slices.Contains(options, "--cpu-request") {
		// The default is for builds that use it; here many daemons share two CPUs.
		options = append(options, "--cpu-request", "50m")
	}
	return options
}

// command returns a command line for this installation.
func (i *installation) command(name string, options ...string) []string {
	args := []string{name, "-n", i.namespace}
	if i.name != defaultName {
		args = append(args, "--name", i.name)
	}
	return append(args, options...)
}

// variablesOf reads the variables that `dindctl install > vars.yml` prints.
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

// pod returns the daemon's pod.
func (i *installation) pod(t *testing.T) *corev1.Pod {
	t.Helper()
	pods := got[*corev1.PodList](t)(env.cluster.CoreV1().Pods(i.namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "app=" + i.name}))
	if len(pods.Items) != 1 {
		t.Fatalf("the daemon has %d pods", len(pods.Items))
	}
	return &pods.Items[0]
}

// awaitPod waits until the daemon has one pod, which is ready and not the old
// one.
func (i *installation) awaitPod(t *testing.T, old types.UID) {
	t.Helper()
	eventually(t, "a new pod to be ready", func(ctx context.Context) (bool, error) {
		pods, err := env.cluster.CoreV1().Pods(i.namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=" + i.name})
		return err == nil && len(pods.Items) == 1 && pods.Items[0].UID != old && podReady(&pods.Items[0]), err
	})
}

// claim returns the claim of the cache volume.
func (i *installation) claim(t *testing.T) *corev1.PersistentVolumeClaim {
	t.Helper()
	return claimNamed(t, i.namespace, i.name+"-data")
}

// settle waits until the Deployment's status shows the end of the rollout,
// which happens some time after the pod is ready.
func (i *installation) settle(t *testing.T) {
	t.Helper()
	eventually(t, "the rollout's end in the Deployment's status", func(ctx context.Context) (bool, error) {
		d, err := env.cluster.AppsV1().Deployments(i.namespace).Get(ctx, i.name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		return slices.ContainsFunc(d.Status.Conditions, func(c appsv1.DeploymentCondition) bool {
			return c.Type == appsv1.DeploymentProgressing && c.Reason == "NewReplicaSetAvailable"
		}), nil
	})
}

// scaleDown scales the Deployment to zero and waits until it has no pods.
func (i *installation) scaleDown(t *testing.T) {
	t.Helper()
	_, err := env.cluster.AppsV1().Deployments(i.namespace).Patch(t.Context(), i.name, types.MergePatchType,
		[]byte(`{"spec":{"replicas":0}}`), metav1.PatchOptions{FieldManager: "e2e"})
	must(t, err)
	i.awaitNoPods(t)
}

// awaitNoPods waits until the Deployment has no pods. The Deployment's
// status does not count terminating pods, whose daemon may still respond.
func (i *installation) awaitNoPods(t *testing.T) {
	t.Helper()
	eventually(t, "no pod", func(ctx context.Context) (bool, error) {
		d, err := env.cluster.AppsV1().Deployments(i.namespace).Get(ctx, i.name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		pods, err := env.cluster.CoreV1().Pods(i.namespace).List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(d.Spec.Selector)})
		return err == nil && d.Status.ObservedGeneration == d.Generation && d.Status.Replicas == 0 && len(pods.Items) == 0, err
	})
}

// failedInstall runs an install that must end with exit code 3, and returns its
// failure.
func (i *installation) failedInstall(t *testing.T, options ...string) failure {
	t.Helper()
	return failureOf(t, dindctl(t, i.command("install", i.installOptions(append(options, "-o", "json")...)...)...).want(t, notReady))
}

// engineOf returns the version in an image's tag. The version that the engine
// reports begins with it.
func engineOf(image string) string {
	_, tag, _ := strings.Cut(image, ":")
	version, _, _ := strings.Cut(tag, "-")
	return version
}
