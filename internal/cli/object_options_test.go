package cli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/dind"
)

var deployments = appsv1.SchemeGroupVersion.WithResource("deployments")

// deployment returns the Deployment in the cluster.
func (w *world) deployment(t *testing.T) *appsv1.Deployment {
	t.Helper()
	object, err := w.Tracker().Get(deployments, "ci", "docker-dind")
	if err != nil {
		t.Fatal(err)
	}
	return object.(*appsv1.Deployment)
}

func optionsOf(t *testing.T, w *world) map[string]any {
	t.Helper()
	options, known := dind.Remembered(w.deployment(t))
	if !known {
		t.Fatal("the options are not remembered")
	}
	return options.Values()
}

// Each flag that shapes the objects is an option that is remembered, and the reverse.
func TestFlagsAreOptions(t *testing.T) {
	var flags, options []string
	for _, flag := range objectFlags() {
		if name := flag.Names()[0]; name != optionsFile {
			flags = append(flags, name)
		}
	}
	for _, row := range dind.Table() {
		options = append(options, row.Name)
	}
	if diff := cmp.Diff(options, flags); diff != "" {
		t.Errorf("(-table +flags):\n%s", diff)
	}
}

func TestReuseOptions(t *testing.T) {
	w := newWorld(t)
	w.install(t, "--memory-limit", "4Gi", "--env", "TOKEN="+canary, "--allow-namespace", "build", "--registry-mirror", "https://mirror.example.com")
	want := optionsOf(t, w)

	t.Run("changes only what is given", func(t *testing.T) {
		w.env["DINDCTL_CPU_LIMIT"] = "2"
		_, stdout, stderr := w.run(t, "install", "--skip-preflight", "--reuse-options", "--memory-limit", "8Gi", "-o", "json")
		delete(w.env, "DINDCTL_CPU_LIMIT")
		checkSilent(t, "install", stdout, stderr)
		want["memory-limit"], want["cpu-limit"] = "8Gi", "2"
		if diff := cmp.Diff(want, optionsOf(t, w)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if env := w.deployment(t).Spec.Template.Spec.Containers[0].Env; env[len(env)-1].Value != canary {
			t.Errorf("the value of the variable is lost: %v", env)
		}
		if strings.Contains(stderr, "dropped") {
			t.Errorf("dropped: %s", stderr)
		}
	})
	t.Run("a list is replaced, and the rest of it named", func(t *testing.T) {
		_, _, stderr := w.run(t, "install", "--skip-preflight", "--reuse-options", "--allow-namespace", "test")
		for _, text := range []string{"--allow-namespace build was used by the last install and is dropped; repeat it to keep it", "jobs in namespace build lose access"} {
			if !strings.Contains(stderr, text) {
				t.Errorf("no %q in %s", text, stderr)
			}
		}
		want["allow-namespace"] = []string{"test"}
		w.run(t, "install", "--skip-preflight", "--reuse-options", "--registry-mirror", "")
		delete(want, "registry-mirror")
		if diff := cmp.Diff(want, optionsOf(t, w)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("what does not fit the installation is a usage error", func(t *testing.T) {
		w.ClearActions()
		code, _, stderr := w.run(t, "install", "--skip-preflight", "--reuse-options", "--no-network-policy")
		if code != exitUsage || !strings.Contains(stderr, "has no effect with --no-network-policy") {
			t.Errorf("%d, %s", code, stderr)
		}
	})
	t.Run("an installation of another version", func(t *testing.T) {
		clustertest.Change(t, w.Server, deployments, "docker-dind", func(d *appsv1.Deployment) { delete(d.Annotations, dind.OptionsAnnotation) })
		for _, line := range []string{"install --skip-preflight --reuse-options", "options"} {
			code, _, stderr := w.run(t, strings.Fields(line)...)
			if code != exitFailed || !strings.Contains(stderr, "the options of docker-dind in namespace ci are unknown") || !strings.Contains(stderr, "next: ") {
				t.Errorf("%s: %d, %s", line, code, stderr)
			}
		}
	})
	t.Run("nothing is installed", func(t *testing.T) {
		w := newWorld(t)
		code, _, stderr := w.run(t, "install", "--skip-preflight", "--reuse-options", "--local-node", "worker")
		if code != exitUsage || !strings.Contains(stderr, "needs --local-path") {
			t.Errorf("%d, %s", code, stderr)
		}
		if code, _, stderr := w.run(t, "install", "--skip-preflight", "--reuse-options", "--mtu", "1400"); code != 0 || !strings.Contains(stderr, "no options to reuse") {
			t.Errorf("%d, %s", code, stderr)
		}
	})
}

// An option that is left out is named before it is dropped.
func TestDroppedOptionsAreNamed(t *testing.T) {
	w := newWorld(t)
	w.install(t, "--allow-namespace", "build", "--env", "TOKEN="+canary, "--storage-size", "50Gi", "--cpu-limit", "2")
	for _, dryRun := range []string{"--dry-run", "--dry-run=false"} {
		is := "is"
		if dryRun == "--dry-run" {
			is = "would be"
		}
		_, stdout, stderr := w.run(t, "install", "--skip-preflight", "--cpu-limit", "3", dryRun)
		checkSilent(t, dryRun, stdout, stderr)
		for _, option := range []string{"--allow-namespace build", "--env TOKEN"} {
			if line := option + " was used by the last install and " + is + " dropped; --reuse-options keeps it"; strings.Count(stderr, line) != 1 {
				t.Errorf("%s: no %q in\n%s", dryRun, line, stderr)
			}
		}
		if strings.Contains(stderr, "--storage-size") || strings.Contains(stderr, "--cpu-limit") {
			t.Errorf("%s: more is named:\n%s", dryRun, stderr)
		}
	}
	claim, err := w.Tracker().Get(corev1.SchemeGroupVersion.WithResource("persistentvolumeclaims"), "ci", "docker-dind-data")
	if err != nil || claim.(*corev1.PersistentVolumeClaim).Spec.Resources.Requests.Storage().String() != "50Gi" {
		t.Errorf("the claim: %v, %v", claim, err)
	}
	if got := optionsOf(t, w)["storage-size"]; got != "50Gi" {
		t.Errorf("the size is forgotten: %v", got)
	}
}
