package cli

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dindctl/dindctl/internal/terminal"
)

func TestServerUnreachable(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	_ = closed.Close()
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	tests := []struct {
		name, server string
		want         []string // in stderr
		hint         string
	}{
		{"connection refused", "http://" + address, []string{"dial tcp " + address, "connection refused"},
			"next: is the cluster's address correct, and does `kubectl version` reach it?\n"},
		{"unknown host", "http://nowhere.invalid", []string{"nowhere.invalid"},
			"next: is the cluster's address correct, and does `kubectl version` reach it?\n"},
		{"unknown authority", untrusted.URL, []string{"certificate signed by unknown authority"},
			"next: the kubeconfig's certificate-authority does not match this server: is it the right context, and is it up to date?\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := runFor(t, t.Context(), test.server, "env")
			if got.code != 1 || got.stdout != "" || !strings.HasPrefix(got.stderr, "error: reading ") || !strings.HasSuffix(got.stderr, test.hint) {
				t.Errorf("got %d\n%s", got.code, got.stderr)
			}
			for _, want := range test.want {
				if !strings.Contains(got.stderr, want) {
					t.Errorf("got %s, want …%s…", got.stderr, want)
				}
			}
			if got.took > 6*time.Second {
				t.Errorf("took %s", got.took)
			}
		})
	}
}

// interrupt is the cancellation cause of signal.NotifyContext.
type interrupt struct{}

func (interrupt) Error() string        { return "interrupt signal received" }
func (interrupt) Is(target error) bool { return target == context.Canceled }

// If the server hangs, --timeout ends the command with 3, an interrupt with 130.
func TestServerHangs(t *testing.T) {
	hangs := func(t *testing.T) string {
		t.Helper()
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
		t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
		return server.URL
	}
	for _, command := range []string{"env", "status", "install", "uninstall", "prune-now", "check"} {
		t.Run(command+", timeout", func(t *testing.T) {
			got := runFor(t, t.Context(), hangs(t), command, "--timeout", "50ms")
			if got.code != 3 || !strings.Contains(got.stderr, "(timeout of 50ms)\nnext: increase --timeout to wait longer\n") {
				t.Errorf("got %d\n%s", got.code, got.stderr)
			}
			if got.took > time.Second {
				t.Errorf("took %s", got.took)
			}
		})
		t.Run(command+", interrupt", func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(50*time.Millisecond, func() { cancel(interrupt{}) })
			got := runFor(t, ctx, hangs(t), command)
			if strings.Contains(got.stderr, "failed") {
				t.Errorf("an interrupted step is reported as failed:\n%s", got.stderr)
			}
			if got.code != 130 || !strings.HasSuffix(got.stderr, "error: interrupted\nnext: run the same command again to continue\n") {
				t.Errorf("got %d\n%s", got.code, got.stderr)
			}
			if got.took > time.Second {
				t.Errorf("took %s", got.took)
			}
		})
	}
}

func TestNoConfiguration(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	tests := []struct{ name, args, want string }{
		{"no kubeconfig", "status", "error: reading the client configuration: no kubeconfig was found\n"},
		{"missing file", "status --kubeconfig /does/not/exist", "error: reading the client configuration: stat /does/not/exist: no such file or directory\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := Run(t.Context(), append([]string{"dindctl"}, strings.Fields(test.args)...), func(string) (string, bool) { return "", false },
				terminal.Streams{Out: &out, Err: &errs})
			want := test.want + "next: select a kubeconfig with --kubeconfig or $KUBECONFIG, and one of its contexts with --context\n"
			if code != 1 || out.Len() > 0 {
				t.Errorf("code %d, stdout %q", code, out.String())
			}
			if diff := cmp.Diff(want, errs.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
