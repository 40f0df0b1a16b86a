//go:build e2e

package e2e

import (
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Every command that connects to a cluster reports a broken connection in the
// same way: what it did, what went wrong, and what to do next, as text and as a
// document. None of them hangs.
func TestConnectionErrors(t *testing.T) {
	t.Parallel()
	authority := env.config.CAData
	stranger := httptest.NewTLSServer(nil)
	t.Cleanup(stranger.Close)
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	token := func(k kubeconfig) []string { return []string{"--kubeconfig", writeKubeconfig(t, k)} }
	for _, test := range []struct {
		name      string
		variables []string
		options   []string
		code      int
		reason    string
		words     []string
		hint      string
	}{
		{
			"no kubeconfig", []string{"KUBECONFIG="}, nil,
			failed, "NoConfiguration", []string{"no kubeconfig was found"}, "--kubeconfig",
		},
		{
			"missing kubeconfig", nil, []string{"--kubeconfig", nowhere},
			failed, "NoConfiguration", []string{nowhere, "no such file"}, "--kubeconfig",
		},
		{
			"unknown context", nil, []string{"--context", "e2e-nowhere"},
			failed, "NoConfiguration", []string{`"e2e-nowhere"`, "does not exist"}, "--context",
		},
		{
			"invalid token", nil, token(kubeconfig{server: env.config.Host, authority: authority, token: "expired"}),
			failed, "Unauthorized", []string{"Unauthorized"}, "log in again",
		},
		{
			"unreachable server", nil, token(kubeconfig{server: "https://127.0.0.1:1", authority: authority, token: "any"}),
			failed, "Unreachable", []string{"127.0.0.1:1", "connection refused"}, "address",
		},
		{
			"unknown host", nil, token(kubeconfig{server: "https://e2e.invalid", authority: authority, token: "any"}),
			failed, "Unreachable", []string{"e2e.invalid"}, "address",
		},
		{
			"untrusted server", nil, token(kubeconfig{server: stranger.URL, authority: authority, token: "any"}),
			failed, "UntrustedServer", []string{"certificate signed by unknown authority"}, "certificate-authority",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, command := range connected() {
				r := prepare(t, test.variables, append([]string{command, "-n", "e2e-nowhere", "-o", "json"}, test.options...)...).start(t).wait(t).want(t, test.code)
				f := failureOf(t, r).names(t, test.reason, test.words...)
				contains(t, command+"'s hint", f.Hint, test.hint)
				if r.took > 20*time.Second {
					t.Errorf("%s took %s", command, r.took)
				}
			}
			text := prepare(t, test.variables, append([]string{"status"}, test.options...)...).start(t).wait(t).want(t, test.code)
			text.says(t, append(test.words, "error: ", "\nnext: ", test.hint)...)
			equal(t, "stdout", text.stdout, "")
		})
	}
}

// The document of any failure has the same fields in JSON and YAML, and is all
// that stdout holds.
func TestErrorDocuments(t *testing.T) {
	t.Parallel()
	i := inNewNamespace(t, nil)
	for reason, test := range map[string]struct {
		code int
		args []string
	}{
		"NotInstalled": {notInstalled, i.command("status")},
		"CheckFailed":  {notReady, i.command("install", "--storage-class", "e2e-nowhere")},
		"Usage":        {usage, i.command("install", "--mtu", "many", "--image", "A", "leftover")},
	} {
		for _, format := range []string{"json", "yaml"} {
			r := dindctl(t, append(test.args[:1:1], append([]string{"-o", format}, test.args[1:]...)...)...).want(t, test.code)
			f := failureOf(t, r)
			equal(t, "reason", f.Reason, reason)
			if reason == "Usage" && len(f.Problems) != 3 {
				t.Errorf("not all problems: %+v", f.Problems)
			}
		}
	}
	makeClaim(t, i.namespace, i.name+"-data")
	f := failureOf(t, dindctl(t, i.command("install", "-o", "json")...).want(t, failed)).names(t, "NotOwned", "persistentvolumeclaim/docker-dind-data", "nothing was changed")
	contains(t, "hint", f.Hint, "--name")
	for _, command := range []string{"status", "prune-now", "env", "uninstall"} {
		r := dindctl(t, i.command(command, "-o", "json")...)
		if command == "uninstall" && r.code == done {
			continue // nothing was installed, so nothing had to be removed
		}
		f := failureOf(t, r.want(t, notInstalled)).names(t, "NotInstalled", i.namespace)
		contains(t, command+"'s hint", f.Hint, "dindctl install")
	}
	if !strings.Contains(f.Message, i.name) {
		t.Errorf("message: %s", f.Message)
	}
}
