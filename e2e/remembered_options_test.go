//go:build e2e

package e2e

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Options are remembered without secrets, printed as a file that changes nothing,
// reused, and named before they are dropped. None of this restarts the pod.
func TestOptionsRemembered(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest(), "--env", "TOKEN="+canary, "--cache-limit", "3Gi", "--allow-namespace", "kube-system",
		"--storage-size", "12Gi", "--dockerd-arg", "--label=token="+canary)
	pod := i.pod(t)
	samePod := func(what string) {
		t.Helper()
		if now := i.pod(t); now.UID != pod.UID {
			t.Fatalf("%s restarted the pod", what)
		}
	}
	deployment, err := env.cluster.AppsV1().Deployments(i.namespace).Get(t.Context(), i.name, metav1.GetOptions{})
	must(t, err)
	if annotation := deployment.Annotations["dindctl/options"]; strings.Contains(annotation, canary) || !strings.Contains(annotation, `"storage-size":"12Gi"`) {
		t.Errorf("the annotation: %s", annotation)
	}

	printed := succeed(t, i.command("options")...)
	options := decode[map[string]any](t, printed)
	equal(t, "env", options["env"], any([]any{"TOKEN=(not shown)"}))
	equal(t, "cache-limit", options["cache-limit"], any("3Gi"))
	equal(t, "options -o json", decode[map[string]any](t, succeed(t, i.command("options", "-o", "json")...)), options)
	file := filepath.Join(t.TempDir(), "options.yml")
	must(t, os.WriteFile(file, []byte(printed.stdout), 0o600))

	// The same options, from the file and reused: nothing changes.
	for _, again := range [][]string{{"-f", file}, {"--reuse-options"}} {
		r := succeed(t, i.command("install", append(again, "-o", "json")...)...)
		equal(t, "changes of "+again[0], decode[installed](t, r).changes(), []string{"unchanged"})
		if strings.Contains(r.stderr, "dropped") {
			t.Errorf("%s drops options:\n%s", again[0], r.stderr)
		}
	}
	samePod("an install with the same options")

	// A change of one option keeps the others.
	succeed(t, i.command("install", "--reuse-options", "--allow-namespace", "kube-public")...).
		says(t, "--allow-namespace kube-system was used by the last install and is dropped", "jobs in namespace kube-system lose access")
	samePod("another namespace")
	equal(t, "who may reach the daemon", policyOf(t, i), []string{"pods of its namespace", "namespace kube-public"})
	if environ := inPod(t, i.pod(t), "cat", "/proc/1/environ"); !strings.Contains(environ, "TOKEN="+canary+"\x00") {
		t.Error("the variable is lost")
	}

	// Options that are left out are named before they are dropped.
	dryRun := succeed(t, i.command("install", i.installOptions("--dry-run")...)...)
	dryRun.says(t, "--env TOKEN was used by the last install and would be dropped; --reuse-options keeps it",
		"--cache-limit 3Gi was used by the last install and would be dropped", "jobs in namespace kube-public would lose access")
	if strings.Contains(dryRun.stdout+dryRun.stderr, canary) || strings.Contains(dryRun.stderr, "storage-size") {
		t.Errorf("the dry run:\n%s%s", dryRun.stdout, dryRun.stderr)
	}
	equal(t, "options after a dry run", decode[map[string]any](t, succeed(t, i.command("options")...))["cache-limit"], any("3Gi"))
	samePod("a dry run")
}

// While uninstall asks, another terminal selects another cluster: the deletion goes to
// the cluster that the question names.
func TestOneConnection(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest(), "--no-wait")
	path := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, os.WriteFile(path, got[[]byte](t)(os.ReadFile(env.kubeconfig)), 0o600))
	other, requests := countingServer(t)
	elsewhere := got[[]byte](t)(os.ReadFile(other))

	x := newTerminal(t)
	switched := make(chan error, 1)
	go func() {
		for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if strings.Contains(x.screen.String(), "to continue:") {
				switched <- os.WriteFile(path, elsewhere, 0o600)
				_, _ = io.WriteString(x.test, i.name+"\n")
				return
			}
		}
		switched <- context.DeadlineExceeded
	}()
	r, screen := x.run(t, prepare(t, []string{"KUBECONFIG=" + path}, i.command("uninstall", "--delete-data")...), true, "", "")
	must(t, <-switched)
	r.want(t, done)
	contains(t, "the question", screen, "namespace "+i.namespace, "claim "+i.name+"-data", " old.")
	equal(t, "requests to the other cluster", requests.Load(), int64(0))
	if _, err := env.cluster.CoreV1().PersistentVolumeClaims(i.namespace).Get(t.Context(), i.name+"-data", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the claim is still there: %v", err)
	}
}
