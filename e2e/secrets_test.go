//go:build e2e

package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// canary is the value of every secret in these tests.
const canary = "canary-0815-secret"

// Secrets reach the daemon, but no output of any command, no event and no log
// of the pod contains one.
func TestSecretsStayHidden(t *testing.T) {
	t.Parallel()
	i := inNewNamespace(t, nil)
	variables := []string{"BUILD_PROXY=http://jane:" + canary + "@proxy.invalid:3128", "DINDCTL_ENV=FROM_VARIABLE=" + canary + "\nBUILD_PROXY\nBOTH=of --env"}
	silent := func(args ...string) result {
		t.Helper()
		r := prepare(t, variables, args...).start(t).wait(t)
		for stream, text := range map[string]string{"stdout": r.stdout, "stderr": r.stderr} {
			if strings.Contains(text, canary) {
				t.Errorf("dindctl %s: %s shows the secret:\n%s", args[0], stream, text)
			}
		}
		return r
	}
	options := i.installOptions("--env-from-secret", "proxy", "--dockerd-arg", "--label=token="+canary)

	// The preflight reports a missing Secret; without the preflight, the pod
	// that does not start does.
	silent(i.command("install", options...)...).want(t, notReady).says(t, "Secret proxy (--env-from-secret) does not exist")
	silent(i.command("install", append(options, "--skip-preflight", "--timeout", "1m")...)...).want(t, notReady).says(t, `secret "proxy" not found`)
	_, err := env.cluster.CoreV1().Secrets(i.namespace).Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "proxy"}, StringData: map[string]string{"FROM_SECRET": canary, "BOTH": "of the Secret"},
	}, metav1.CreateOptions{})
	must(t, err)

	i.variables = variablesOf(t, silent(i.command("install", append(options, "-v")...)...).want(t, done))
	inside := inPod(t, i.pod(t), "env")
	for _, want := range []string{"FROM_SECRET=" + canary, "FROM_VARIABLE=" + canary, "BOTH=of --env", variables[0]} {
		if !strings.Contains(inside, want+"\n") {
			t.Errorf("the daemon's environment does not contain %q", want)
		}
	}

	i.seenByDevelopers(t)

	for _, format := range []string{"text", "json", "yaml"} {
		for _, args := range [][]string{
			i.command("check", options...), i.command("install", append(options, "--dry-run", "--dockerd-arg", "--label=more="+canary)...),
			i.command("install", append(options, "--dry-run", "--env", "TOKEN="+canary)...), i.command("status"), i.command("env"),
		} {
			silent(append(args, "-o", format)...).want(t, done)
		}
	}
	silent(i.command("prune-now", "-v")...).want(t, done)
	// dockerd quotes an invalid flag with its value, which may be secret.
	crashed := silent(i.command("install", append(slices.Clone(options), "--dockerd-arg", "--max-concurrent-downloads="+canary, "--timeout", "2m")...)...).want(t, notReady)
	crashed.says(t, `invalid argument "(not shown)" for "--max-concurrent-downloads"`)
	silent(i.command("status", "-o", "json")...).want(t, notReady)
	silent(i.command("uninstall", "--delete-data", "--yes")...).want(t, done)

	events := got[*corev1.EventList](t)(env.cluster.CoreV1().Events(i.namespace).List(t.Context(), metav1.ListOptions{}))
	if text := string(got[[]byte](t)(json.Marshal(events.Items))); strings.Contains(text, canary) || len(events.Items) == 0 {
		t.Errorf("%d events, one of them with the secret: %v", len(events.Items), strings.Contains(text, canary))
	}
}

// seenByDevelopers checks that a user who may read the Deployment sees the
// values of --env, but not those of --env-from-secret. The README explains this
// behaviour of Kubernetes.
func (i *installation) seenByDevelopers(t *testing.T) {
	t.Helper()
	const developer = "e2e-developer"
	allow(t, i.namespace, developer, []rbacv1.PolicyRule{{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: []string{"get"}}})
	config := rest.CopyConfig(env.config)
	config.Impersonate.UserName = developer
	cluster := got[*kubernetes.Clientset](t)(kubernetes.NewForConfig(config))
	deployment := got[*appsv1.Deployment](t)(cluster.AppsV1().Deployments(i.namespace).Get(t.Context(), i.name, metav1.GetOptions{}))
	seen := string(got[[]byte](t)(json.Marshal(deployment.Spec)))
	contains(t, "the Deployment", seen, "FROM_VARIABLE", canary)
	if strings.Contains(seen, "FROM_SECRET") {
		t.Errorf("the Deployment shows the Secret's keys: %s", seen)
	}
	if _, err := cluster.CoreV1().Secrets(i.namespace).Get(t.Context(), "proxy", metav1.GetOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("the Secret can be read: %v", err)
	}
}
