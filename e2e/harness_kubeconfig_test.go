//go:build e2e

package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// kubeconfig is a kubeconfig with a single context, "e2e".
type kubeconfig struct {
	server    string
	authority []byte // PEM; nil for plain HTTP
	token     string
	as        string // impersonated
}

// writeKubeconfig writes the kubeconfig as JSON, which is also YAML, and
// returns its path.
func writeKubeconfig(t *testing.T, k kubeconfig) string {
	t.Helper()
	type object map[string]any
	cluster, user := object{"server": k.server}, object{}
	if k.authority != nil {
		cluster["certificate-authority-data"] = k.authority
	}
	if k.token != "" {
		user["token"] = k.token
	}
	if k.as != "" {
		user["as"] = k.as
	}
	data, err := json.Marshal(object{
		"apiVersion": "v1", "kind": "Config", "current-context": "e2e",
		"clusters": []object{{"name": "e2e", "cluster": cluster}},
		"users":    []object{{"name": "e2e", "user": user}},
		"contexts": []object{{"name": "e2e", "context": object{"cluster": "e2e", "user": "e2e"}}},
	})
	must(t, err)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, os.WriteFile(path, data, 0o600))
	return path
}

// countingServer starts an API server that only counts requests.
func countingServer(t *testing.T) (path string, requests *atomic.Int64) {
	t.Helper()
	requests = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		http.Error(w, "nothing here", http.StatusNotFound)
	}))
	t.Cleanup(server.Close)
	return writeKubeconfig(t, kubeconfig{server: server.URL}), requests
}
