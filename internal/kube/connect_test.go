package kube

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd/api"
)

const kubeconfig = `apiVersion: v1
kind: Config
current-context: main
clusters:
- {name: c, cluster: {server: SERVER}}
users:
- {name: u, user: {token: secret}}
contexts:
- {name: main, context: {cluster: c, user: u, namespace: gitlab}}
- {name: bare, context: {cluster: c, user: u}}
- {name: broken, context: {cluster: nowhere, user: u}}
`

// write creates a temporary file and returns its path.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// alone clears the environment's configuration.
func alone(t *testing.T) {
	t.Helper()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	t.Setenv("KUBERNETES_SERVICE_PORT", "")
}

func TestConnect(t *testing.T) {
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	t.Cleanup(server.Close)
	alone(t)
	path := write(t, "config", strings.ReplaceAll(kubeconfig, "SERVER", server.URL))
	tests := []struct {
		name               string
		connection         Connection
		environment        string
		namespace, context string
	}{
		{"the current context", Connection{Kubeconfig: path}, "", "gitlab", "main"},
		{"another context", Connection{Kubeconfig: path, Context: "bare"}, "", "default", "bare"},
		{"another namespace", Connection{Kubeconfig: path, Namespace: "ci"}, "", "ci", "main"},
		{"$KUBECONFIG", Connection{}, path, "gitlab", "main"},
		{"$KUBECONFIG is a list", Connection{}, "/does/not/exist:" + path, "gitlab", "main"},
		{"the option wins over $KUBECONFIG", Connection{Kubeconfig: path}, "/does/not/exist", "gitlab", "main"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.environment != "" {
				t.Setenv("KUBECONFIG", test.environment)
			}
			c, err := Connect(test.connection)
			if err != nil {
				t.Fatal(err)
			}
			if c.Namespace != test.namespace || c.Context != test.context || c.Config.Host != server.URL {
				t.Errorf("got namespace %q, context %q, host %q", c.Namespace, c.Context, c.Config.Host)
			}
		})
	}
	if n := requests.Load(); n > 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestConnectionIsSent(t *testing.T) {
	var header http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}`)
	}))
	t.Cleanup(server.Close)
	alone(t)
	c, err := Connect(Connection{
		Kubeconfig: write(t, "config", strings.ReplaceAll(kubeconfig, "SERVER", server.URL)),
		As:         "jane", AsGroups: []string{"admins", "devs"}, UserAgent: "dindctl/1.2.3",
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(t.Context(), c.Ref("Service", "d")); !apierrors.IsForbidden(err) {
		t.Fatalf("got %v", err)
	}
	want := http.Header{
		"Impersonate-User": {"jane"}, "Impersonate-Group": {"admins", "devs"},
		"User-Agent": {"dindctl/1.2.3"},
		"Accept":     {"application/vnd.kubernetes.protobuf,application/json"},
	}
	for name, values := range want {
		if !slices.Equal(header[name], values) {
			t.Errorf("%s: got %q, want %q", name, header[name], values)
		}
	}
	if c.Config.QPS >= 0 || c.Config.Timeout != 0 {
		t.Errorf("got QPS %v, timeout %v: requests would queue, or watches would be cut", c.Config.QPS, c.Config.Timeout)
	}
}

func TestConnectFails(t *testing.T) {
	alone(t)
	path := write(t, "config", strings.ReplaceAll(kubeconfig, "SERVER", "http://127.0.0.1:1"))
	tests := []struct {
		name       string
		connection Connection
		want       string // in the error
		none       bool
	}{
		{"nothing configured", Connection{}, "reading the client configuration: no kubeconfig was found", true},
		{"no such file", Connection{Kubeconfig: "/does/not/exist"}, "stat /does/not/exist: no such file or directory", false},
		{"no kubeconfig", Connection{Kubeconfig: write(t, "bad", "a: [")}, "yaml", false},
		{"an empty file", Connection{Kubeconfig: write(t, "empty", "")}, "no configuration has been provided", false},
		{"no such context", Connection{Kubeconfig: path, Context: "nope"}, `context "nope" does not exist`, false},
		// This is client-go's message, and kubectl's.
		{"a context without a cluster", Connection{Kubeconfig: path, Context: "broken"}, "no configuration has been provided", false},
		{"no certificate", Connection{Kubeconfig: write(t, "ca", strings.ReplaceAll(kubeconfig, "server: SERVER", "server: https://x, certificate-authority: /does/not/exist"))},
			"/does/not/exist", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := Connect(test.connection)
			var configuration *ConfigurationError
			if c != nil || !errors.As(err, &configuration) || !strings.Contains(text(err), test.want) {
				t.Errorf("got %v, %v, want …%s…", c, err, test.want)
			}
			if errors.Is(err, ErrNoConfiguration) != test.none {
				t.Errorf("no configuration: got %v, want %v", !test.none, test.none)
			}
		})
	}
}

func TestWhere(t *testing.T) {
	for want, c := range map[string]*Cluster{
		"context prod, namespace ci":                 {Context: "prod", Namespace: "ci", Config: &rest.Config{Host: "https://10.96.0.1:443"}},
		"server https://10.96.0.1:443, namespace ci": {Namespace: "ci", Config: &rest.Config{Host: "https://10.96.0.1:443"}},
		"namespace ci": {Namespace: "ci"},
	} {
		if got := c.Where(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// The API server's warnings are passed on, each once.
func TestServerWarnings(t *testing.T) {
	var got []string
	w := serverWarnings{func(text string) { got = append(got, text) }, &sync.Map{}}
	for _, text := range []string{"deprecated", "deprecated", "would violate PodSecurity"} {
		w.HandleWarningHeader(299, "", text)
	}
	w.HandleWarningHeader(110, "", "stale")
	if want := []string{"deprecated", "would violate PodSecurity"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// A plugin for credentials may ask on the terminal: Login calls it before anything is
// drawn. Without a plugin, Login sends no request.
func TestLogin(t *testing.T) {
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	defer server.Close()
	client, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{Client: client, Config: &rest.Config{}}
	c.Login(t.Context())
	if requests.Load() != 0 {
		t.Error("a request without a plugin")
	}
	c.Config.ExecProvider = &api.ExecConfig{}
	c.Login(t.Context())
	if requests.Load() != 1 {
		t.Errorf("%d requests", requests.Load())
	}
}
