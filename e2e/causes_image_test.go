//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// The image cannot be pulled, or its name is invalid.
func TestCausesImage(t *testing.T) {
	t.Parallel()
	t.Run("image that does not exist", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		i.image = "docker:29.0.0-e2e-nowhere"
		w := i.watchedInstall(t, "--timeout", shortly)
		w.want(t, notReady)
		w.reports(t, "cannot be pulled", i.firstEvent(t, "Failed", "29.0.0-e2e-nowhere"))
		f := i.failedInstall(t, "--timeout", shortly).names(t, "ErrImagePull|ImagePullBackOff", i.image+" cannot be pulled", "not found")
		contains(t, "hint", f.Hint, "--image")
		// The kubelet alternates between pulling and backing off. The message
		// is the same for both.
		s := decode[status](t, dindctl(t, i.command("status", "-o", "json")...).want(t, notReady))
		if len(s.Problems) != 1 || !slices.Contains([]string{"ErrImagePull", "ImagePullBackOff"}, s.Problems[0].Reason) || s.Problems[0].Hint != f.Hint {
			t.Fatalf("problems: %+v", s.Problems)
		}
		if !strings.HasSuffix(f.Message, s.Problems[0].Message) {
			t.Errorf("install and status report different messages:\n%s\n%s", f.Message, s.Problems[0].Message)
		}

		i.image = env.newest()
		i.install(t)
	})
	// dindctl rejects an invalid image name and sends nothing. The kubelet
	// would report it only after the pod is created.
	t.Run("malformed image", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		for _, image := range []string{"Docker:29-dind", "docker:29:dind", "docker 29", ""} {
			r := dindctl(t, i.command("install", "--image", image, "-o", "json")...).want(t, usage)
			f := failureOf(t, r)
			if len(f.Problems) != 1 || f.Problems[0].Option != "--image" || f.Problems[0].Value != image || f.Problems[0].Hint == "" {
				t.Errorf("--image %q: %+v", image, f)
			}
		}
		equal(t, "objects", i.leftOver(t), nil)

		succeed(t, i.command("install", i.installOptions("--no-wait")...)...)
		patch := `{"spec":{"template":{"spec":{"containers":[{"name":"docker-dind","image":"Docker:29:dind"}]}}}}`
		_, err := env.cluster.AppsV1().Deployments(i.namespace).Patch(t.Context(), i.name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "e2e"})
		must(t, err)
		i.eventuallyProblem(t, "InvalidImageName", `"Docker:29:dind" is not an image name`)
		i.install(t)
	})
	// The registry does not respond. In the embedded cluster all registries are
	// redirected to its own, so this test configures one more in containerd, at
	// an address where nothing listens.
	t.Run("registry down", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		const host = "registry-down.invalid"
		if env.audit != "" {
			directory := filepath.Join(filepath.Dir(env.audit), "config", "registries", host)
			must(t, os.MkdirAll(directory, 0o755))
			t.Cleanup(func() { _ = os.RemoveAll(directory) })
			const hosts = "server = \"http://127.0.0.1:1\"\n[host.\"http://127.0.0.1:1\"]\ncapabilities = [\"pull\", \"resolve\"]\n"
			must(t, os.WriteFile(filepath.Join(directory, "hosts.toml"), []byte(hosts), 0o644))
		}
		i.image = host + "/docker:29.7.2-dind"
		f := i.failedInstall(t, "--timeout", "20s").names(t, "ErrImagePull|ImagePullBackOff|RegistryUnavailable", host, "dial tcp")
		contains(t, "hint", f.Hint, "registry")
		i.image = env.newest()
		i.install(t)
	})
	// A missing pull secret does no harm if the image can be pulled without it:
	// the kubelet only warns.
	t.Run("missing image pull secret", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		i.install(t, "--image-pull-secret", "nowhere")
	})
}
