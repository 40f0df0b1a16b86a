package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/lifecycle"
)

// --tls that is not given differs from --tls=false.
func TestTLSExplicitlyDisabled(t *testing.T) {
	for _, test := range []struct {
		args, env string
		on, off   bool
	}{
		{"manifests", "", false, false},
		{"manifests --tls", "", true, false},
		{"manifests --tls=true", "false", true, false},
		{"manifests --tls=false", "", false, true},
		{"manifests --tls=false", "1", false, true},
		{"manifests", "1", true, false},
		{"manifests", "false", false, true},
		{"manifests", "0", false, true},
	} {
		t.Run(test.args+" DINDCTL_TLS="+test.env, func(t *testing.T) {
			w := newWorld(t)
			w.env = map[string]string{"DINDCTL_TLS": test.env}
			var got dind.Options
			app := w.app("dindctl")
			app.Command("manifests").Action = func(c *cli.Context) (err error) {
				got, err = w.session(c).objectOptions(c)
				return err
			}
			if err := app.Run(append([]string{"dindctl"}, strings.Fields(test.args)...)); err != nil {
				t.Fatal(err)
			}
			if got.TLS != test.on || got.NoTLS != test.off {
				t.Errorf("TLS %v, NoTLS %v", got.TLS, got.NoTLS)
			}
		})
	}
}

func TestManifestsWithTLS(t *testing.T) {
	w := newWorld(t)
	code, stdout, stderr := w.run(t, "manifests", "--tls", "-n", "ci", "--allow-namespace", "jobs")
	if code != 0 || len(w.connections) > 0 {
		t.Fatalf("code %d, %d connections: %s", code, len(w.connections), stderr)
	}
	if n := strings.Count(stdout, "\nkind: Secret\n"); n != 3 || strings.Count(stdout, "ca-key.pem: ") != 1 {
		t.Errorf("%d Secrets:\n%s", n, stdout)
	}
	if !strings.Contains(stderr, "private keys") {
		t.Errorf("stderr does not mention the private keys: %q", stderr)
	}
}

func TestRotateCertsNeedsCertificates(t *testing.T) {
	w := newWorld(t)
	for _, args := range [][]string{nil, {"--tls", "--tls-secret", "a", "--tls-client-secret", "b"}} {
		code, _, stderr := w.run(t, append([]string{"install", "--rotate-certs"}, args...)...)
		if code != exitUsage || !strings.Contains(stderr, "--rotate-certs: has no certificates to rotate") || len(w.connections) > 0 {
			t.Errorf("%s: code %d: %s", args, code, stderr)
		}
	}
	w = installedWorld(t)
	if code, _, stderr := w.run(t, "install", "--reuse-options", "--rotate-certs"); code != exitUsage || !strings.Contains(stderr, "has no certificates to rotate") {
		t.Errorf("an installation without TLS: code %d: %s", code, stderr)
	}
}

func TestCertificateLine(t *testing.T) {
	end := time.Date(2027, 11, 21, 12, 0, 0, 0, time.UTC)
	got := certificateLine(lifecycle.Certificates{ServerExpires: &end})
	if want := "mutual TLS; expiry: server 21 Nov 2027, client unknown"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCopyIntoMissingNamespace(t *testing.T) {
	missing := apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "jobs")
	missing.ErrStatus.Details.Kind = "namespaces"
	for kind, want := range map[string]string{"Secret": "kubectl create namespace jobs", "ConfigMap": "--create-namespace"} {
		f := describe(&kube.ApplyError{Ref: kube.Ref{Kind: kind, Namespace: "jobs", Name: "d-client-tls"}, Err: missing}, endedError{})
		if f.Reason != "NamespaceMissing" || !strings.Contains(f.Hint, want) {
			t.Errorf("%s: %s, %s", kind, f.Reason, f.Hint)
		}
	}
}
