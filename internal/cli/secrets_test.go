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
	"github.com/dindctl/dindctl/internal/terminal"
)

// canary is in every secret of these tests; printed anywhere, it tells.
const canary = "canary-4711"

// silent fails when the canary was printed.
func silent(t *testing.T, what, stdout, stderr string) {
	t.Helper()
	if strings.Contains(stdout, canary) {
		t.Errorf("%s: stdout: %s", what, stdout)
	}
	if strings.Contains(stderr, canary) {
		t.Errorf("%s: stderr: %s", what, stderr)
	}
}

// carriers are command lines that hand secrets over as they should be.
var carriers = map[string][]string{
	"a variable":                 {"--env", "TOKEN=" + canary},
	"a proxy's password":         {"--env", "HTTPS_PROXY=http://jane:" + canary + "@proxy:3128"},
	"a proxy's token":            {"--env", "HTTPS_PROXY=http://" + canary + "@proxy:3128"},
	"a variable of the caller's": {"--env", "KEYED"},
	"a flag of the daemon":       {"--dockerd-arg", "--log-opt=splunk-token=" + canary},
	"a short flag":               {"--dockerd-arg", "-l=" + canary},
	"the environment's":          {},
}

// settled is the world in which they are given.
func settled(t *testing.T, objects ...runtime.Object) *world {
	t.Helper()
	w := newWorld(t, append(objects, clustertest.DefaultClass())...)
	w.withExec(t, clustertest.Df)
	w.env["KEYED"] = canary
	w.env["DINDCTL_ENV"] = "FROM_ENVIRONMENT=" + canary
	return w
}

var outputs = [][]string{{}, {"-v"}, {"-o", "json", "-v"}, {"-o", "yaml"}}

// Every secret, through every command and every form of output, in a life that
// goes well: installed, changed, looked at, removed.
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
						t.Fatalf("%q ends with %d: %s%s", args, code, stdout, stderr)
					}
					silent(t, strings.Join(command, " ")+strings.Join(output, " "), stdout, stderr)
				}
			}
		})
	}
}

// manifests prints what would be applied as it is: that is what it is for.
func TestManifestsAreComplete(t *testing.T) {
	_, stdout, _ := settled(t).run(t, "manifests", "--env", "TOKEN="+canary)
	if !strings.Contains(stdout, "value: "+canary) {
		t.Errorf("got %s", stdout)
	}
}

// What is there already, made by somebody else, may hold secrets anywhere.
func TestNoSecretInAdoption(t *testing.T) {
	meta := metav1.ObjectMeta{Name: "docker-dind", Namespace: "ci", Annotations: map[string]string{"vendor/token": canary}}
	foreign := &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{
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
			w := settled(t, foreign.DeepCopy(), config.DeepCopy())
			args = slices.Concat(args, output)
			_, stdout, stderr := w.run(t, args...)
			if len(output) == 0 && slices.Contains(args, "--dry-run") && !strings.Contains(stdout, "env[name=TOKEN]") {
				t.Errorf("%q does not tell of the variable:\n%s%s", args, stdout, stderr)
			}
			silent(t, strings.Join(args, " "), stdout, stderr)
		}
	}
}

// What is malformed is named and not repeated, whether typed or in a variable.
func TestNoSecretInUsage(t *testing.T) {
	tests := map[string]struct {
		args []string
		env  map[string]string
	}{
		"a value without its name":       {args: []string{"--env", canary}},
		"a variable that is not set":     {args: []string{"--env", "ghp_4711", "--env", canary}},
		"an address for a name":          {args: []string{"--env", "http://jane:" + canary + "@proxy:3128"}},
		"a name that is none":            {args: []string{"--env", canary + "=x"}},
		"a zero byte":                    {args: []string{"--env", "A=" + canary + "\x00"}},
		"not UTF-8":                      {args: []string{"--env", "A=" + canary + "\xff"}},
		"a reserved name":                {args: []string{"--env", "DOCKER_HOST=" + canary}},
		"a variable twice":               {args: []string{"--env", "A=" + canary, "--env", "A=x"}},
		"a variable's rest":              {args: []string{"--env", "A=x", canary}},
		"two rests":                      {args: []string{"--env", "A=x", "and", canary}},
		"rests after two dashes":         {args: []string{"--env", "A=x", "--", canary}},
		"an option that is none":         {args: []string{"--password", "x", canary}},
		"with an equals sign":            {args: []string{"--password=" + canary}},
		"an argument that is no flag":    {args: []string{"--dockerd-arg", canary}},
		"a flag that is refused":         {args: []string{"--dockerd-arg", "--registry-mirror=https://jane:" + canary + "@mirror"}},
		"a flag of TLS":                  {args: []string{"--dockerd-arg", "--tlskey=" + canary}},
		"a flag that is not UTF-8":       {args: []string{"--dockerd-arg", "--label=" + canary + "\xff"}},
		"a short flag that is refused":   {args: []string{"--dockerd-arg", "-H" + canary}},
		"a mirror's login":               {args: []string{"--registry-mirror", "https://jane:" + canary + "@mirror"}},
		"a mirror's token":               {args: []string{"--registry-mirror", "https://" + canary + "@mirror"}},
		"a malformed mirror":             {args: []string{"--registry-mirror", "https://jane:" + canary + "%zz@mirror"}},
		"a mirror without a scheme":      {args: []string{"--registry-mirror", "jane:" + canary + "@mirror"}},
		"a mirror with a slash in it":    {args: []string{"--registry-mirror", "https://jane:x/" + canary + "@mirror"}},
		"an insecure registry's login":   {args: []string{"--insecure-registry", "jane:" + canary + "@registry:5000"}},
		"an image's login":               {args: []string{"--image", "jane:" + canary + "@registry/docker:29-dind"}},
		"an image's login, upper case":   {args: []string{"--image", "Jane:" + canary + "@registry/docker:29-dind"}},
		"credentials for a Secret":       {args: []string{"--image-pull-secret", "jane:" + canary}},
		"credentials for another Secret": {args: []string{"--env-from-secret", "TOKEN=" + canary}},
		"in variables": {env: map[string]string{
			"DINDCTL_ENV": canary + "\nA B=" + canary, "DINDCTL_DOCKERD_ARG": canary + "\n--host=" + canary, "DINDCTL_REGISTRY_MIRROR": "jane:" + canary + "@mirror",
			"DINDCTL_INSECURE_REGISTRY": "https://jane:" + canary + "@registry", "DINDCTL_IMAGE": "jane:" + canary + "@x/UPPER",
			"DINDCTL_IMAGE_PULL_SECRET": "jane:" + canary, "DINDCTL_ENV_FROM_SECRET": "A=" + canary,
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, command := range []string{"install", "check", "manifests"} {
				for _, output := range outputs {
					w := newWorld(t)
					for key, value := range test.env {
						w.env[key] = value
					}
					args := slices.Concat([]string{command}, output, test.args)
					code, stdout, stderr := w.run(t, args...)
					if code != exitUsage || len(w.connections) > 0 {
						t.Errorf("%q: code %d, %d connections", args, code, len(w.connections))
					}
					silent(t, command+" "+strings.Join(output, " "), stdout, stderr)
				}
			}
		})
	}
}

// Servers and webhooks quote what they were given; so do a daemon's last lines.
func TestNoSecretInWhatOthersSay(t *testing.T) {
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
							t.Errorf("%q ended with %d and does not say why:\n%s%s", args, code, stdout, stderr)
						}
						silent(t, resource+": "+strings.Join(args[:1], " "), stdout, stderr)
					}
				}
			}
		})
	}
}

// A warning on the way, and a problem that status finds, are others' words too.
func TestNoSecretOnTheWay(t *testing.T) {
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
			// What a former installation left in the pod's template is not there.
			d.Spec.Template.Spec.Containers = nil
			_ = w.Tracker().Update(action.GetResource(), d, "ci")
		}
		return true, object, err
	})
	for _, args := range [][]string{{"install", "-v", "--timeout", "300ms"}, {"status"}, {"status", "-o", "json"}} {
		code, stdout, stderr := w.run(t, args...)
		if code != exitNotReady || !strings.Contains(stdout+stderr, "no node has (not shown)") {
			t.Errorf("%q ended with %d and does not say why:\n%s%s", args, code, stdout, stderr)
		}
		silent(t, args[0], stdout, stderr)
	}
}

// A variable without a value is the caller's own, even where it is empty.
func TestEnvOfTheCaller(t *testing.T) {
	w := newWorld(t)
	w.env["HTTPS_PROXY"], w.env["EMPTY"] = "http://proxy:3128", ""
	code, stdout, stderr := w.run(t, "manifests", "--env", "HTTPS_PROXY", "--env", "EMPTY", "--env", "GIVEN=x")
	for _, want := range []string{"name: HTTPS_PROXY\n          value: http://proxy:3128\n", "name: EMPTY\n          value: \"\"\n", "name: GIVEN\n          value: x\n"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%d: no %q in:\n%s%s", code, want, stdout, stderr)
		}
	}
	code, _, stderr = w.run(t, "manifests", "--env", "NOWHERE")
	want := "error: invalid command line\n  --env \"NOWHERE\": is not set in your environment\n    Export it, or use --env NOWHERE=VALUE.\nnext: `dindctl manifests --help` lists the options\n"
	if code != exitUsage || stderr != want {
		t.Errorf("got %d\n%s", code, terminal.SanitizeLines(stderr))
	}
}
