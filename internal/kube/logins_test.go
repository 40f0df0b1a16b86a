package kube

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
)

// The logins of client-go are those that kubectl has.
func TestOIDC(t *testing.T) {
	alone(t)
	const login = "user: {auth-provider: {name: oidc, config: {idp-issuer-url: https://login.example.com, client-id: k, id-token: a}}}"
	path := write(t, "config", strings.NewReplacer("SERVER", "https://127.0.0.1:1", "user: {token: secret}", login).Replace(kubeconfig))
	if _, err := Connect(Connection{Kubeconfig: path}); err != nil {
		t.Error(err)
	}
}

// seen returns the headers of a request with this connection.
func seen(t *testing.T, server *httptest.Server, header *http.Header, c Connection) http.Header {
	t.Helper()
	cluster, err := Connect(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cluster.Read(t.Context(), cluster.Ref("Service", "d")); err == nil {
		t.Fatal("no error")
	}
	return *header
}

func headerServer(t *testing.T) (*httptest.Server, *http.Header, string) {
	t.Helper()
	var header http.Header
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}`)
	}))
	t.Cleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return server, &header, write(t, "ca.crt", string(ca))
}

// kubectl's options replace what the kubeconfig has.
func TestConnectionOptions(t *testing.T) {
	server, header, ca := headerServer(t)
	alone(t)
	path := write(t, "config", strings.ReplaceAll(kubeconfig, "SERVER", "https://127.0.0.1:1"))
	for _, test := range []struct {
		name       string
		connection Connection
		token      string
	}{
		{"server and authority", Connection{Kubeconfig: path, Server: server.URL, CertificateAuthority: ca}, "secret"},
		{"no verification and another token", Connection{Kubeconfig: path, Server: server.URL, InsecureSkipTLSVerify: true, Token: "other"}, "other"},
		{"another name", Connection{Kubeconfig: path, Server: server.URL, CertificateAuthority: ca, TLSServerName: "example.com"}, "secret"},
		{"without a kubeconfig", Connection{Server: server.URL, CertificateAuthority: ca, Token: "other"}, "other"},
		{"cluster and user", Connection{Kubeconfig: path, Context: "broken", Cluster: "c", User: "u", Server: server.URL, CertificateAuthority: ca}, "secret"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := seen(t, server, header, test.connection).Get("Authorization"); got != "Bearer "+test.token {
				t.Errorf("got %q", got)
			}
		})
	}
}

// In a pod client-go drops the user to impersonate. What the kubeconfig has stays.
func TestImpersonate(t *testing.T) {
	config := &rest.Config{Impersonate: rest.ImpersonationConfig{UserName: "of the kubeconfig"}}
	Connection{}.impersonate(config)
	if config.Impersonate.UserName != "of the kubeconfig" {
		t.Errorf("got %+v", config.Impersonate)
	}
	config = &rest.Config{}
	Connection{As: "jane", AsUID: "7", AsGroups: []string{"devs"}}.impersonate(config)
	if diff := cmp.Diff(rest.ImpersonationConfig{UserName: "jane", UID: "7", Groups: []string{"devs"}}, config.Impersonate); diff != "" {
		t.Error(diff)
	}
}
