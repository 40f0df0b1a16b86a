package daemon

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// TestMain sets an invalid proxy and Docker host before anything reads them. No
// connection may use them.
func TestMain(m *testing.M) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		_ = os.Setenv(name, "http://proxy.invalid:3128")
	}
	_ = os.Setenv("DOCKER_HOST", "tcp://elsewhere.invalid:2375")
	_ = os.Setenv("DOCKER_API_VERSION", "1.24")
	goleak.VerifyTestMain(m)
}

// engine responds like a Docker Engine of one release.
type engine struct {
	release  string // the release of the responses in testdata
	min, max string // the supported API versions

	mu       sync.Mutex
	requests []string
}

func (e *engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	e.requests = append(e.requests, r.Method+" "+r.RequestURI)
	e.mu.Unlock()
	header := w.Header()
	header.Set("Api-Version", e.max)
	header.Set("Docker-Experimental", "false")
	header.Set("Ostype", "linux")
	header.Set("Server", "Docker/"+e.release+" (linux)")
	if r.URL.Path == "/_ping" {
		header.Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = fmt.Fprint(w, "OK")
		return
	}
	header.Set("Content-Type", "application/json")
	_, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	version := strings.TrimPrefix(strings.TrimSuffix(r.URL.Path, "/"+path), "/v")
	if minorOf(version) < minorOf(e.min) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"message":"client version %s is too old. Minimum supported API version is %s, please upgrade your client to a newer version"}`, version, e.min)
		return
	}
	if path == "version" {
		_, _ = fmt.Fprintf(w, `{"ApiVersion":%q,"MinAPIVersion":%q}`, e.max, e.min)
		return
	}
	file, ok := map[string]string{"info": "info-", "system/df": "df-"}[path]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		_, _ = fmt.Fprint(w, `{"message":"page not found"}`)
		return
	}
	text, err := os.ReadFile("testdata/" + file + e.release + ".json")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(text)
}

func minorOf(version string) (minor int) {
	_, _ = fmt.Sscanf(version, "1.%d", &minor)
	return minor
}

func (e *engine) seen() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.requests...)
}

// serve starts a server and returns a Dial that connects to it.
func serve(t *testing.T, h http.Handler) Dial {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return to(s.Listener.Addr())
}

func to(addr net.Addr) Dial {
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, addr.Network(), addr.String())
	}
}

func connect(t *testing.T, dial Dial, opts ...Option) *Engine {
	t.Helper()
	e, err := Connect(t.Context(), dial, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}
