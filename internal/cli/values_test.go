package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"

	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/terminal"
)

// captured runs the command and returns the connection that it requested.
func captured(t *testing.T, env map[string]string, args ...string) (kube.Connection, *world) {
	t.Helper()
	w := newWorld(t)
	w.env = env
	w.run(t, args...)
	if len(w.connections) != 1 {
		t.Fatalf("%d connections: %s", len(w.connections), w.err.String())
	}
	got := w.connections[0]
	got.UserAgent = ""
	return got, w
}

func TestConnectionOptions(t *testing.T) {
	all := kube.Connection{Kubeconfig: "file", Context: "prod", Namespace: "gitlab", As: "jane", AsGroups: []string{"a,b", "c"}}
	env := map[string]string{
		"DINDCTL_KUBECONFIG": "file", "DINDCTL_CONTEXT": "prod", "DINDCTL_NAMESPACE": "gitlab",
		"DINDCTL_AS": "jane", "DINDCTL_AS_GROUP": "a,b\nc\n",
	}
	flags := strings.Fields("--kubeconfig file --context prod --namespace gitlab --as jane --as-group a,b --as-group c")
	tests := []struct {
		name string
		env  map[string]string
		args []string
		want kube.Connection
	}{
		{"none", nil, []string{"status"}, kube.Connection{}},
		{"after the command", nil, append([]string{"status"}, flags...), all},
		{"before the command", nil, append(flags[:len(flags):len(flags)], "status"), all},
		{"in the environment", env, []string{"status"}, all},
		{"after wins over before", nil, strings.Fields("-n before --as-group x status -n after --as-group y"),
			kube.Connection{Namespace: "after", AsGroups: []string{"y"}}},
		{"before wins over the environment", env, strings.Fields("--namespace before --context c --as-group g status"),
			kube.Connection{Kubeconfig: "file", Context: "c", Namespace: "before", As: "jane", AsGroups: []string{"g"}}},
		{"after wins over the environment", env, strings.Fields("status -n=after --context c"),
			kube.Connection{Kubeconfig: "file", Context: "c", Namespace: "after", As: "jane", AsGroups: []string{"a,b", "c"}}},
		{"a letter with its value", nil, strings.Fields("-nafter -shttps://a=b status"), kube.Connection{Namespace: "after", Server: "https://a=b"}},
		{"kubectl's options", nil, strings.Fields("status --as-uid 7 --cluster c --user u --server s --tls-server-name t --certificate-authority a --insecure-skip-tls-verify --client-certificate b --client-key k --token hunter2 --request-timeout 10s"),
			kube.Connection{AsUID: "7", Cluster: "c", User: "u", Server: "s", TLSServerName: "t", CertificateAuthority: "a", InsecureSkipTLSVerify: true,
				ClientCertificate: "b", ClientKey: "k", Token: "hunter2", RequestTimeout: "10s"}},
		{"kubectl's switches", map[string]string{"KUBECTL_PORT_FORWARD_WEBSOCKETS": "false", "KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "FALSE"}, []string{"status"},
			kube.Connection{WithoutForwardWebsockets: true, WithoutExecWebsockets: true}},
		{"a single dash", nil, strings.Fields("status -namespace ci"), kube.Connection{Namespace: "ci"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, _ := captured(t, test.env, test.args...)
			if len(got.AsGroups) == 0 {
				got.AsGroups = nil
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUserAgent(t *testing.T) {
	w := newWorld(t)
	w.run(t, "status")
	if got := w.connections[0].UserAgent; got != "dindctl/"+Version() {
		t.Errorf("got %q", got)
	}
}

// The API server's warnings are shown with -v.
func TestWarningsOfTheServer(t *testing.T) {
	for line, want := range map[string]bool{"status": false, "status -v": true} {
		w := newWorld(t)
		w.run(t, strings.Fields(line)...)
		if got := w.connections[0].Warn != nil; got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}

// --env reaches the objects, both from the command line and the environment.
func TestObjectOptions(t *testing.T) {
	const want = "HTTPS_PROXY=http://proxy:3128 NO_PROXY=.svc,10.0.0.0/8"
	tests := []struct {
		name string
		env  map[string]string
		args []string
	}{
		{"repeated", nil, []string{"--env", "HTTPS_PROXY=http://proxy:3128", "--env=NO_PROXY=.svc,10.0.0.0/8"}},
		{"in the environment", map[string]string{"DINDCTL_ENV": "HTTPS_PROXY=http://proxy:3128\nNO_PROXY=.svc,10.0.0.0/8\n"}, nil},
		{"the command line replaces the environment", map[string]string{"DINDCTL_ENV": "GONE=1"},
			[]string{"--env", "HTTPS_PROXY=http://proxy:3128", "--env", "NO_PROXY=.svc,10.0.0.0/8"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.env = test.env
			code, stdout, stderr := w.run(t, append([]string{"manifests"}, test.args...)...)
			if code != 0 {
				t.Fatal(stderr)
			}
			var got []string
			for _, v := range deploymentIn(t, stdout).Spec.Template.Spec.Containers[0].Env {
				if strings.HasSuffix(v.Name, "_PROXY") || v.Name == "GONE" {
					got = append(got, v.Name+"="+v.Value)
				}
			}
			if strings.Join(got, " ") != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// deploymentIn returns the Deployment among YAML documents.
func deploymentIn(t *testing.T, manifests string) appsv1.Deployment {
	t.Helper()
	for _, document := range strings.Split(manifests, "---\n") {
		var d appsv1.Deployment
		if err := yaml.Unmarshal([]byte(document), &d); err == nil && d.Kind == "Deployment" {
			return d
		}
	}
	t.Fatalf("no Deployment in\n%s", manifests)
	return appsv1.Deployment{}
}

func TestSwitches(t *testing.T) {
	tests := []struct {
		name string
		env  string
		args string
		on   bool
	}{
		{"not given", "", "manifests", false},
		{"given", "", "manifests --no-network-policy", true},
		{"given as false", "true", "manifests --no-network-policy=false", false},
		{"1", "1", "manifests", true},
		{"true", "true", "manifests", true},
		{"yes", "yes", "manifests", true},
		{"0", "0", "manifests", false},
		{"False", "False", "manifests", false},
		{"no", "no", "manifests", false},
		{"OFF", "OFF", "manifests", false},
		{"n", "n", "manifests", false},
		{"f", "f", "manifests", false},
		{"Y", "Y", "manifests", true},
		{"t", "t", "manifests", true},
		{"given as yes", "", "manifests --no-network-policy=yes", true},
		{"given as n", "", "manifests --no-network-policy=n", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.env["DINDCTL_NO_NETWORK_POLICY"] = test.env
			_, stdout, _ := w.run(t, strings.Fields(test.args)...)
			if got := !strings.Contains(stdout, "kind: NetworkPolicy"); got != test.on {
				t.Errorf("on: %v, want %v", got, test.on)
			}
		})
	}
}

// A variable that is no boolean turns no switch on or off: no data is deleted by a typo.
func TestSwitchesAreStrict(t *testing.T) {
	for line, switches := range map[string][]string{
		"uninstall":                {"delete-data", "yes", "dry-run", "quiet", "no-color"},
		"prune-now":                {"all", "when-idle", "yes"},
		"status":                   {"watch", "verbose"},
		"install --skip-preflight": {"tls", "no-network-policy", "adopt", "no-wait", "reuse-options", "rotate-certs", "create-namespace"},
		"check":                    {"print-role"},
	} {
		for _, name := range switches {
			for _, word := range []string{"disabled", "flase", "2", "client"} {
				w := newWorld(t)
				w.env[variable(name)] = word
				code, stdout, stderr := w.run(t, strings.Fields(line)...)
				if code != exitUsage || stdout != "" || !strings.Contains(stderr, variable(name)+` "`+word+`": `) || len(w.connections) > 0 {
					t.Errorf("%s=%s dindctl %s: %d, %q, %q", variable(name), word, line, code, stdout, stderr)
				}
			}
		}
	}
	w := newWorld(t)
	w.env["DINDCTL_DELETE_DATA"], w.env["DINDCTL_YES"] = "n", "F"
	if got := sessionOf(t, w, "status"); got.on("delete-data") || got.on("yes") {
		t.Error("n or F turns a switch on")
	}
}

// sessionOf returns the session of a command line.
func sessionOf(t *testing.T, w *world, args ...string) *session {
	t.Helper()
	var got *session
	app := w.app("dindctl")
	for _, command := range app.Commands {
		if command.Name == "status" {
			command.Action = func(c *cli.Context) error { got = w.session(c); return nil }
		}
	}
	if err := app.Run(append([]string{"dindctl"}, args...)); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestSession(t *testing.T) {
	type facts struct {
		name    string
		timeout time.Duration
		output  format
		mode    terminal.Mode
		color   bool
	}
	plain := facts{"docker-dind", 5 * time.Minute, formatText, terminal.Normal, true}
	with := func(change func(*facts)) facts { f := plain; change(&f); return f }
	tests := []struct {
		name string
		env  map[string]string
		args string
		want facts
	}{
		{"defaults", nil, "status", plain},
		{"name", nil, "--name builder status", with(func(f *facts) { f.name = "builder" })},
		{"timeout", nil, "status --timeout 90s", with(func(f *facts) { f.timeout = 90 * time.Second })},
		{"output", nil, "-o yaml status", with(func(f *facts) { f.output = formatYAML })},
		{"quiet", nil, "-q status", with(func(f *facts) { f.mode = terminal.Quiet })},
		{"verbose", nil, "status --verbose", with(func(f *facts) { f.mode = terminal.Verbose })},
		{"quiet wins", nil, "status -v -q", with(func(f *facts) { f.mode = terminal.Quiet })},
		{"no color", nil, "--no-color status", with(func(f *facts) { f.color = false })},
		{"the environment", map[string]string{
			"DINDCTL_NAME": "builder", "DINDCTL_TIMEOUT": "1h", "DINDCTL_OUTPUT": "json", "DINDCTL_VERBOSE": "1", "DINDCTL_NO_COLOR": "yes",
		}, "status", facts{"builder", time.Hour, formatJSON, terminal.Verbose, false}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.env = test.env
			w.streams.OutColor, w.streams.ErrColor = true, true
			s := sessionOf(t, w, strings.Fields(test.args)...)
			got := facts{s.name, s.timeout, s.output, s.mode, s.streams.OutColor && s.streams.ErrColor}
			if got != test.want || s.streams.OutColor != s.streams.ErrColor {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if len(s.problems) > 0 {
				t.Errorf("got %v", s.problems)
			}
		})
	}
}
