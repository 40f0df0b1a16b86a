package cli

import (
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/dindctl/dindctl/internal/dind"
)

// TLS that is left out and TLS that is switched off are two things.
func TestSwitchedOffInSoManyWords(t *testing.T) {
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
		t.Errorf("no word of the keys: %q", stderr)
	}
}

func TestRotatingTakesTLS(t *testing.T) {
	w := newWorld(t)
	code, _, stderr := w.run(t, "install", "--rotate-certs")
	if code != exitUsage || !strings.Contains(stderr, "--rotate-certs: needs --tls") || len(w.connections) > 0 {
		t.Errorf("code %d: %s", code, stderr)
	}
}
