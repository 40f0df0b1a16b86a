package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/dindctl/dindctl/internal/terminal"
)

// result is the result of running the real program.
type result struct {
	code           int
	stdout, stderr string
	took           time.Duration
}

// runFor runs the program as main does, with a kubeconfig for the server, and
// checks that it leaves no goroutine behind.
func runFor(t *testing.T, ctx context.Context, server string, args ...string) result {
	t.Helper()
	leaks := goleak.IgnoreCurrent()
	path := filepath.Join(t.TempDir(), "config")
	config := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"test",
		"clusters":[{"name":"c","cluster":{"server":%q}}],
		"users":[{"name":"u","user":{"token":"t"}}],
		"contexts":[{"name":"test","context":{"cluster":"c","user":"u","namespace":"ci"}}]}`, server)
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	began := time.Now()
	code := Run(ctx, append([]string{"dindctl", "--kubeconfig", path}, args...), func(string) (string, bool) { return "", false },
		terminal.Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
	ended := result{code, out.String(), elapsed.ReplaceAllString(errs.String(), ""), time.Since(began)}
	// Idle connections belong to the transport, which lives as long as the process.
	goleak.VerifyNone(t, leaks, goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"),
		goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"))
	return ended
}

// respondWith starts a server that sends the same response to every request.
func respondWith(t *testing.T, code int, status map[string]any, header http.Header) (address string, requests *atomic.Int32) {
	t.Helper()
	requests = &atomic.Int32{}
	status["kind"], status["apiVersion"], status["status"], status["code"] = "Status", "v1", "Failure", code
	encoded, err := json.Marshal(status)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		for name, values := range header {
			w.Header()[name] = values
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = w.Write(encoded)
	}))
	t.Cleanup(server.Close)
	return server.URL, requests
}

func TestServerRejects(t *testing.T) {
	tests := []struct {
		name   string
		code   int
		status map[string]any
		want   string // stderr
		exit   int
	}{
		{"401", 401, map[string]any{"reason": "Unauthorized", "message": "Unauthorized"},
			"error: reading service/docker-dind: Unauthorized\nnext: the credentials of this context are invalid or expired: log in again\n", 1},
		{"403", 403, map[string]any{"reason": "Forbidden", "message": `services "docker-dind" is forbidden: User "jane" cannot get resource "services"`},
			"error: reading service/docker-dind: services \"docker-dind\" is forbidden: User \"jane\" cannot get resource \"services\"\n" +
				"next: ask an administrator for the permission that the message names\n", 1},
		{"404: not installed", 404, map[string]any{"reason": "NotFound", "message": `services "docker-dind" not found`, "details": map[string]any{"kind": "services"}},
			"error: docker-dind is not installed in namespace ci\nnext: run `dindctl install`, or select another installation with -n and --name\n", 4},
		{"409", 409, map[string]any{"reason": "Conflict", "message": "the object has been modified"},
			"error: reading service/docker-dind: the object has been modified\nnext: another client changed the object at the same time: run the same command again\n", 1},
		{"422", 422, map[string]any{"reason": "Invalid", "message": "Service is invalid"},
			"error: reading service/docker-dind: Service is invalid\nnext: the message names the field: correct the option that sets it\n", 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			address, requests := respondWith(t, test.code, test.status, nil)
			got := runFor(t, t.Context(), address, "env")
			// The claim is read concurrently and can fail first.
			stderr := strings.Replace(got.stderr, "persistentvolumeclaim/docker-dind-data", "service/docker-dind", 1)
			if got.code != test.exit || got.stdout != "" {
				t.Errorf("code %d, stdout %q", got.code, got.stdout)
			}
			if diff := cmp.Diff(test.want, stderr); diff != "" {
				t.Error(diff)
			}
			if got.took > time.Second || requests.Load() > 3 {
				t.Errorf("took %s and %d requests", got.took, requests.Load())
			}
		})
	}
}

// A missing namespace is detected only when an object is created in it.
func TestMissingNamespace(t *testing.T) {
	var sent atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		kind := "others"
		if r.Method == http.MethodPatch {
			sent.Add(1)
			kind = "namespaces"
		}
		fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","message":"%s \"ci\" not found","code":404,"details":{"kind":%q}}`, kind, kind)
	}))
	t.Cleanup(server.Close)
	got := runFor(t, t.Context(), server.URL, "install", "--skip-preflight", "-q")
	if got.code != 1 || got.stdout != "" || !strings.HasSuffix(got.stderr, "\nnext: create it with --create-namespace, or select another with -n\n") ||
		!strings.Contains(got.stderr, `namespaces "ci" not found`) {
		t.Errorf("got %d\n%s", got.code, got.stderr)
	}
	if sent.Load() == 0 {
		t.Error("no object was applied")
	}
}

// 503 is retried as the server requests, and reported at the timeout.
func TestServerIsBusy(t *testing.T) {
	status := map[string]any{"reason": "ServiceUnavailable", "message": "the server is starting"}
	address, requests := respondWith(t, 503, status, nil)
	got := runFor(t, t.Context(), address, "env", "--timeout", "700ms")
	if got.code != 1 && got.code != 3 || !strings.Contains(got.stderr, "the server is starting") {
		t.Errorf("got %d\n%s", got.code, got.stderr)
	}
	if got.took > 2*time.Second || requests.Load() < 2 {
		t.Errorf("took %s and %d requests", got.took, requests.Load())
	}
}

func TestServerRecovers(t *testing.T) {
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if requests.Add(1) == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"ServiceUnavailable","code":503,"details":{"retryAfterSeconds":1}}`)
			return
		}
		if strings.HasSuffix(r.URL.Path, "/services/docker-dind") {
			fmt.Fprint(w, `{"kind":"Service","apiVersion":"v1","metadata":{"name":"docker-dind","namespace":"ci"}}`)
			return
		}
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`)
	}))
	t.Cleanup(server.Close)
	got := runFor(t, t.Context(), server.URL, "env")
	if got.code != 0 || !strings.Contains(got.stdout, "\n  DOCKER_HOST: tcp://docker-dind.ci.svc:2375\n") || got.stderr != "" {
		t.Errorf("got %d\n%s%s", got.code, got.stdout, got.stderr)
	}
}

func TestServerErrorsAsDocuments(t *testing.T) {
	address, _ := respondWith(t, 401, map[string]any{"reason": "Unauthorized", "message": "Unauthorized"}, nil)
	got := runFor(t, t.Context(), address, "env", "-o", "json")
	var document struct{ Error failure }
	if err := json.Unmarshal([]byte(got.stdout), &document); err != nil {
		t.Fatalf("%v: %s", err, got.stdout)
	}
	if got.code != 1 || document.Error.Code != 1 || document.Error.Reason != "Unauthorized" || document.Error.Hint == "" || got.stderr != "" {
		t.Errorf("got %d, %+v, %s", got.code, document, got.stderr)
	}
}
