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
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
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

// write puts a file into a directory of the test's own and gives its path.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// alone has no configuration but what the test gives.
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
	if _, err := c.Read(t.Context(), Names{Service: "d"}); !apierrors.IsForbidden(err) {
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
		t.Errorf("got QPS %v, timeout %v: requests would queue, or watches be cut", c.Config.QPS, c.Config.Timeout)
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
		// client-go's own words for it; kubectl says the same.
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

func TestEnsureNamespace(t *testing.T) {
	namespaces := schema.GroupResource{Resource: "namespaces"}
	exists := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ci"}}
	forbidden := apierrors.NewForbidden(namespaces, "ci", errors.New("no"))
	refuse := func(verb string, err error) func(*fake.Clientset) {
		return func(client *fake.Clientset) {
			client.PrependReactor(verb, "namespaces", func(ktesting.Action) (bool, runtime.Object, error) { return true, nil, err })
		}
	}
	tests := []struct {
		name    string
		there   []runtime.Object
		before  func(*fake.Clientset)
		created bool
		want    string
		verbs   []string
	}{
		{"missing", nil, func(*fake.Clientset) {}, true, "", []string{"create"}},
		{"there", []runtime.Object{exists}, func(*fake.Clientset) {}, false, "", []string{"create"}},
		{"there, and one may not make any", []runtime.Object{exists}, refuse("create", forbidden), false, "", []string{"create", "get"}},
		{"missing, and one may not make it", nil, refuse("create", forbidden), false,
			`applying namespace/ci: namespaces "ci" is forbidden: no`, []string{"create", "get"}},
		{"one may not even look", []runtime.Object{exists}, func(client *fake.Clientset) {
			refuse("create", forbidden)(client)
			refuse("get", forbidden)(client)
		}, false, `applying namespace/ci: namespaces "ci" is forbidden: no`, []string{"create", "get"}},
		{"refused otherwise", nil, refuse("create", apierrors.NewBadRequest("bad")), false, "applying namespace/ci: bad", []string{"create"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client := fake.NewClientset(test.there...)
			test.before(client)
			created, err := (&Cluster{Client: client, Namespace: "ci"}).EnsureNamespace(t.Context())
			if created != test.created || text(err) != test.want {
				t.Errorf("got %v, %q, want %v, %q", created, text(err), test.created, test.want)
			}
			var verbs []string
			for _, action := range client.Actions() {
				verbs = append(verbs, action.GetVerb())
			}
			if !slices.Equal(verbs, test.verbs) {
				t.Errorf("sent %q, want %q", verbs, test.verbs)
			}
		})
	}
}
