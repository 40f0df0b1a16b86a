package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/dindctl/dindctl/internal/dind"
)

// optionsFileOf writes a file of options.
func optionsFileOf(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "options.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// rememberedIn returns the options in the annotation of the Deployment among manifests.
func rememberedIn(t *testing.T, manifests string) map[string]any {
	t.Helper()
	deployment := deploymentIn(t, manifests)
	options, known := dind.Remembered(&deployment)
	if !known {
		t.Fatalf("no options in\n%s", manifests)
	}
	return options.Values()
}

func TestOptionsFile(t *testing.T) {
	const file = `---
mtu: 1400
memory-limit: 8Gi
cpu-limit: 1.5
prune-unused-for: 0
allow-namespace: build
insecure-registry: [a.example.com, "b.example.com:5000"]
env:
- A=1
tls: off
no-network-policy: no
`
	want := map[string]any{
		"mtu": "1400", "memory-limit": "8Gi", "cpu-limit": "1.5", "prune-unused-for": "0", "allow-namespace": []string{"build"},
		"insecure-registry": []string{"a.example.com", "b.example.com:5000"}, "env": []string{"A=(not shown)"},
	}
	with := func(name string, value any) map[string]any {
		changed := map[string]any{}
		for key, value := range want {
			changed[key] = value
		}
		changed[name] = value
		return changed
	}
	for _, test := range []struct {
		name  string
		env   map[string]string
		args  []string
		stdin string
		want  map[string]any
	}{
		{"a file", nil, []string{"-f", optionsFileOf(t, file)}, "", want},
		{"named by a variable", map[string]string{"DINDCTL_OPTIONS_FILE": optionsFileOf(t, file)}, nil, "", want},
		{"standard input", nil, []string{"-f", "-"}, file, want},
		{"the command line wins", nil, []string{"-f", optionsFileOf(t, file), "--mtu", "1500"}, "", with("mtu", "1500")},
		{"the file wins over variables", map[string]string{"DINDCTL_MTU": "1500", "DINDCTL_ALLOW_NAMESPACE": "other", "DINDCTL_CPU_REQUEST": "1"},
			[]string{"-f", optionsFileOf(t, file)}, "", with("cpu-request", "1")},
		{"nothing", nil, []string{"-f", optionsFileOf(t, "# nothing yet\n")}, "", map[string]any{}},
		{"no options", nil, []string{"-f", optionsFileOf(t, "{}\n")}, "", map[string]any{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.env, w.streams.In = test.env, strings.NewReader(test.stdin)
			code, stdout, stderr := w.run(t, append([]string{"manifests"}, test.args...)...)
			if code != 0 {
				t.Fatal(stderr)
			}
			if diff := cmp.Diff(test.want, rememberedIn(t, stdout)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Everything that is wrong with a file is reported at once, and no request is sent.
func TestInvalidOptionsFile(t *testing.T) {
	for _, test := range []struct {
		name, file string
		want       []string
	}{
		{"wrong keys, types and values", "storage-sise: 1Gi\ntls: maybe\nmtu: [1]\nallow-namespace: {a: b}\nmemory-limit: lots\nprune-schedule: yes\nenv: [[a]]\n", []string{
			`--options-file "storage-sise": is not an option of the installation`, "Did you mean storage-size?",
			`"tls": must be true or false`, `"mtu": must be a text or a number`, `"allow-namespace": must be a list of texts`,
			`"prune-schedule": must be a text`, `"env": must be a list of texts`, `--memory-limit "lots"`,
		}},
		{"options that shape no object", "namespace: ci\nadopt: true\n", []string{`"adopt": is not an option`, `"namespace": is not an option`}},
		{"no YAML", "a: b: c\n", []string{"is not YAML"}},
		{"the same key twice", "mtu: 1400\nmtu: 1500\n", []string{"is not YAML", `"mtu" already set`}},
		{"a list", "- mtu\n", []string{"is not a map of options"}},
		{"two documents", "mtu: 1400\n---\nmtu: 1500\n", []string{"more than one document"}},
		{"a value that is hidden", "env: [TOKEN=(not shown)]\n", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			code, stdout, stderr := w.run(t, "install", "--cpu-limit", "x", "-f", optionsFileOf(t, test.file))
			if code != exitUsage || stdout != "" || len(w.connections) > 0 {
				t.Errorf("code %d, %d connections, %q", code, len(w.connections), stdout)
			}
			for _, text := range append(test.want, `--cpu-limit "x"`) {
				if !strings.Contains(stderr, text) {
					t.Errorf("no %q in:\n%s", text, stderr)
				}
			}
		})
	}
	t.Run("no such file", func(t *testing.T) {
		w := newWorld(t)
		code, _, stderr := w.run(t, "check", "-f", "nowhere.yml")
		if code != exitUsage || !strings.Contains(stderr, `--options-file "nowhere.yml": cannot be read: no such file`) {
			t.Errorf("%d, %s", code, stderr)
		}
	})
}

// What `options` prints is what `install -f` reads: it changes nothing.
func TestInstalledOptions(t *testing.T) {
	w := newWorld(t)
	w.install(t, "--memory-limit", "4Gi", "--env", "TOKEN="+canary, "--allow-namespace", "build", "--storage-size", "50Gi",
		"--dockerd-arg=--log-opt=token="+canary, "--mtu", "1400")
	code, file, stderr := w.run(t, "options")
	if code != 0 || stderr != "" {
		t.Fatalf("%d, %s", code, stderr)
	}
	want := map[string]any{
		"memory-limit": "4Gi", "env": []any{"TOKEN=(not shown)"}, "allow-namespace": []any{"build"}, "storage-size": "50Gi",
		"dockerd-arg": []any{"--log-opt=(not shown)"}, "mtu": "1400",
	}
	_, asJSON, _ := w.run(t, "options", "-o", "json")
	for _, text := range []string{file, asJSON} {
		var got map[string]any
		if err := yaml.UnmarshalStrict([]byte(text), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	code, stdout, stderr := w.run(t, "install", "--dry-run", "-f", optionsFileOf(t, file))
	if code != 0 || strings.Contains("\n"+stdout, "\n~") || strings.Contains("\n"+stdout, "\n+") || strings.Contains(stderr, "dropped") {
		t.Errorf("install -f of the same options changes something: %d\n%s%s", code, stdout, stderr)
	}

	w = newWorld(t)
	if code, _, _ := w.run(t, "options"); code != exitNotInstalled {
		t.Errorf("not installed: %d", code)
	}
}
