package cli

import (
	"maps"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/dind"
)

// canary is part of every secret in these tests and must never be printed.
const canary = "canary-4711"

// checkSilent fails if the canary was printed.
func checkSilent(t *testing.T, what, stdout, stderr string) {
	t.Helper()
	if strings.Contains(stdout, canary) {
		t.Errorf("%s: stdout: %s", what, stdout)
	}
	if strings.Contains(stderr, canary) {
		t.Errorf("%s: stderr: %s", what, stderr)
	}
}

// carriers are valid options that contain secrets.
var carriers = map[string][]string{
	"a variable":               {"--env", "TOKEN=" + canary},
	"a proxy's password":       {"--env", "HTTPS_PROXY=http://jane:" + canary + "@proxy:3128"},
	"a proxy's token":          {"--env", "HTTPS_PROXY=http://" + canary + "@proxy:3128"},
	"a variable of the caller": {"--env", "KEYED"},
	"a flag of the daemon":     {"--dockerd-arg", "--log-opt=splunk-token=" + canary},
	"a short flag":             {"--dockerd-arg", "-l=" + canary},
	"DINDCTL_ENV":              {},
}

// settled returns a world whose environment contains secrets.
func settled(t *testing.T, objects ...runtime.Object) *world {
	t.Helper()
	w := newWorld(t, append(objects, clustertest.DefaultClass())...)
	w.withExec(t, clustertest.StatOutput)
	w.env["KEYED"] = canary
	w.env["DINDCTL_ENV"] = "FROM_ENVIRONMENT=" + canary
	return w
}

var outputs = [][]string{{}, {"-v"}, {"-o", "json", "-v"}, {"-o", "yaml"}}

// Every secret, every command and every output format, in a life without failures:
// install, change, status, uninstall.
func TestNoSecretIsPrinted(t *testing.T) {
	for name, secret := range carriers {
		t.Run(name, func(t *testing.T) {
			for _, output := range outputs {
				w := settled(t)
				for _, command := range [][]string{
					append([]string{"check"}, secret...),
					append([]string{"check", "--print-role"}, secret...),
					append([]string{"install", "--dry-run"}, secret...),
					append([]string{"install"}, secret...),
					append([]string{"install"}, secret...),
					{"install", "--dry-run", "--env", "OTHER=value"},
					{"install", "--env", "OTHER=value"},
					append([]string{"install", "--env", "OTHER=other"}, secret...),
					{"status"}, {"env"}, {"uninstall", "--dry-run"}, {"uninstall", "--delete-data", "--yes"},
				} {
					args := slices.Concat(command, output)
					code, stdout, stderr := w.run(t, args...)
					if code != exitDone {
						t.Fatalf("%q: exit code %d: %s%s", args, code, stdout, stderr)
					}
					checkSilent(t, strings.Join(command, " ")+strings.Join(output, " "), stdout, stderr)
				}
			}
		})
	}
}

// manifests prints the objects unredacted, so that they can be applied.
func TestManifestsAreComplete(t *testing.T) {
	_, stdout, _ := settled(t).run(t, "manifests", "--env", "TOKEN="+canary)
	if !strings.Contains(stdout, "value: "+canary) {
		t.Errorf("got %s", stdout)
	}
}

// Existing objects that dindctl did not create can contain secrets anywhere.
func TestNoSecretInAdoption(t *testing.T) {
	meta := metav1.ObjectMeta{Name: "docker-dind", Namespace: "ci", Annotations: map[string]string{"vendor/token": canary}}
	deployment := &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "docker-dind"}},
		Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "docker-dind"}, Annotations: map[string]string{"vendor/token": canary}},
			Spec: corev1.PodSpec{Containers: []corev1.Container{
				{
					Name: "docker-dind", Image: "docker:24-dind", Command: []string{"sh", "-c", "login " + canary}, Args: []string{"--x", canary, "--y=" + canary},
					Env: []corev1.EnvVar{{Name: "TOKEN", Value: canary}},
				},
				{Name: "sidecar", Image: "x", Env: []corev1.EnvVar{{Name: "TOKEN", Value: canary}}, Args: []string{canary}},
			}},
		},
	}}
	config := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "docker-dind-config", Namespace: "ci"},
		Data:       map[string]string{"daemon.json": `{"http-proxy": "` + canary + `"}`, "other": canary},
	}
	for _, output := range outputs {
		for _, args := range [][]string{
			{"install"}, {"check"}, {"install", "--adopt", "--dry-run"}, {"install", "--adopt"}, {"status"},
		} {
			w := settled(t, deployment.DeepCopy(), config.DeepCopy())
			args = slices.Concat(args, output)
			_, stdout, stderr := w.run(t, args...)
			if len(output) == 0 && slices.Contains(args, "--dry-run") && !strings.Contains(stdout, "env[name=TOKEN]") {
				t.Errorf("%q does not report the variable:\n%s%s", args, stdout, stderr)
			}
			checkSilent(t, strings.Join(args, " "), stdout, stderr)
		}
	}
}

// Servers and webhooks quote what they receive, as does the daemon's log.
func TestNoSecretInServerMessages(t *testing.T) {
	said := `admission webhook "policy" denied the request: env TOKEN="` + canary + `", proxy http://jane:` + canary + `@proxy:3128, flag splunk-token=` + canary
	for name, secret := range carriers {
		t.Run(name, func(t *testing.T) {
			for _, output := range outputs {
				for _, resource := range []string{"deployments", "configmaps", "pods", "services"} {
					w := settled(t)
					refusal := apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "docker-dind", nil)
					refusal.ErrStatus.Message = said
					for _, verb := range []string{"patch", "create", "get", "list"} {
						w.PrependReactor(verb, resource, func(ktesting.Action) (bool, runtime.Object, error) { return true, nil, refusal })
					}
					for _, command := range []string{"check", "install", "status"} {
						args := slices.Concat([]string{command}, output)
						if command != "status" {
							args = append(args, secret...)
						}
						code, stdout, stderr := w.run(t, args...)
						if command == "install" && (code == exitDone || !strings.Contains(stdout+stderr, "admission webhook")) {
							t.Errorf("%q: exit code %d, without the reason:\n%s%s", args, code, stdout, stderr)
						}
						checkSilent(t, resource+": "+strings.Join(args[:1], " "), stdout, stderr)
					}
				}
			}
		})
	}
}

// Progress of install and problems of status contain messages of the server, too.
func TestNoSecretInProgress(t *testing.T) {
	w := settled(t)
	w.Idle = true
	pod := clustertest.PodOf(&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "docker-dind", Namespace: "ci"}})
	pod.Spec.NodeName, pod.Status.Conditions = "", []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "no node has " + canary,
	}}
	maps.Copy(pod.Labels, dind.Labels("docker-dind"))
	if err := w.Tracker().Add(pod); err != nil {
		t.Fatal(err)
	}
	w.PrependReactor("patch", "deployments", func(action ktesting.Action) (bool, runtime.Object, error) {
		_, object, err := w.Apply(action)
		if d, is := object.(*appsv1.Deployment); is {
			d.Status = appsv1.DeploymentStatus{ObservedGeneration: 1, UpdatedReplicas: 1, Replicas: 1}
			// Without the pod template of an earlier install.
			d.Spec.Template.Spec.Containers = nil
			_ = w.Tracker().Update(action.GetResource(), d, "ci")
		}
		return true, object, err
	})
	for _, args := range [][]string{{"install", "-v", "--timeout", "300ms"}, {"status"}, {"status", "-o", "json"}} {
		code, stdout, stderr := w.run(t, args...)
		if code != exitNotReady || !strings.Contains(stdout+stderr, "no node has (not shown)") {
			t.Errorf("%q: exit code %d, without the reason:\n%s%s", args, code, stdout, stderr)
		}
		checkSilent(t, args[0], stdout, stderr)
	}
}
