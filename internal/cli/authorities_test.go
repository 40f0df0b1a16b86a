package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/certs"
)

// configMap returns the ConfigMap in the cluster.
func (w *world) configMap(t *testing.T) *corev1.ConfigMap {
	t.Helper()
	object, err := w.Tracker().Get(corev1.SchemeGroupVersion.WithResource("configmaps"), "ci", "docker-dind-config")
	if err != nil {
		t.Fatal(err)
	}
	return object.(*corev1.ConfigMap)
}

// authorityFile returns the path of a certificate in a file, and its text.
func authorityFile(t *testing.T) (path, text string) {
	t.Helper()
	renewal, err := certs.Renew(certs.Set{}, certs.Request{Instance: "r", Now: noon})
	if err != nil {
		t.Fatal(err)
	}
	text = string(renewal.Set.Server[certs.CAFile])
	path = filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(path, []byte("# from a colleague\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, text
}

// The file of --registry-ca is read once: a later install keeps the certificates.
func TestRegistryCA(t *testing.T) {
	path, text := authorityFile(t)
	w := newWorld(t)
	w.install(t, "--registry-ca", "r:5000="+path, "--registry-ca", "other="+path, "--registry-ca", "r:5000="+path)
	config := func() map[string]string { return w.configMap(t).Data }
	if got := config()["registry-ca.r_5000.crt"]; strings.Count(got, text) != 2 || strings.Count(config()["registry-ca.other.crt"], text) != 1 {
		t.Fatalf("the certificates: %q", got)
	}
	before := config()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	for _, again := range [][]string{{"--reuse-options"}, {"-f", optionsFileOf(t, "registry-ca: ['r:5000=(not shown)', 'other=(not shown)']")}} {
		code, _, stderr := w.run(t, append([]string{"install", "--skip-preflight"}, again...)...)
		if code != 0 || strings.Contains(stderr, "dropped") {
			t.Errorf("%s: %d, %s", again, code, stderr)
		}
		if got := config()["registry-ca.r_5000.crt"]; got != before["registry-ca.r_5000.crt"] {
			t.Errorf("%s: changed to %q", again, got)
		}
	}
	code, _, stderr := w.run(t, "install", "--registry-ca", "r="+path)
	if code != exitUsage || !strings.Contains(stderr, "the file cannot be read: no such file or directory") {
		t.Errorf("%d, %s", code, stderr)
	}
	inline := optionsFileOf(t, "registry-ca:\n- |\n  r=-----BEGIN"+strings.ReplaceAll(strings.TrimPrefix(text, "-----BEGIN"), "\n", "\n  "))
	if code, _, stderr := w.run(t, "manifests", "-f", inline); code != 0 || !strings.Contains(w.out.String(), "registry-ca.r.crt") {
		t.Errorf("inline: %d, %s", code, stderr)
	}
}
