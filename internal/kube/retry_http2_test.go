package kube

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// With HTTP/2, which API servers use, a single request may be cut off without the
// connection; or all requests, if the server closes the connection.
func TestRetriedOverHTTP2(t *testing.T) {
	for name, cut := range map[string]func(http.ResponseWriter, *httptest.Server){
		"a stream is reset": func(http.ResponseWriter, *httptest.Server) { panic(http.ErrAbortHandler) },
		"an answer is cut off": func(w http.ResponseWriter, _ *httptest.Server) {
			_, _ = io.WriteString(w, `{"kind":"Conf`)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
		"the connection is closed": func(_ http.ResponseWriter, server *httptest.Server) { server.CloseClientConnections() },
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int32
			var server *httptest.Server
			server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.ProtoMajor != 2 {
					t.Errorf("request in %s", r.Proto)
				}
				w.Header().Set("Content-Type", "application/json")
				if requests.Add(1) == 1 {
					cut(w, server)
				}
				_, _ = io.WriteString(w, `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"c"}}`)
			}))
			server.EnableHTTP2 = true
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.StartTLS()
			defer server.Close()
			client, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL, TLSClientConfig: rest.TLSClientConfig{Insecure: true}})
			if err != nil {
				t.Fatal(err)
			}
			found, err := get(t.Context(), client.CoreV1().ConfigMaps("ci"), "c")
			if err != nil || found.Name != "c" || requests.Load() != 2 {
				t.Errorf("got %v, %v after %d requests", found, err, requests.Load())
			}
		})
	}
}
