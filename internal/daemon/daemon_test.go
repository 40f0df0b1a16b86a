package daemon

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestInfoAndDiskUsageByRelease(t *testing.T) {
	tests := map[string]struct {
		engine *engine
		info   Info
		usage  DiskUsage
	}{
		"19.03": {
			engine: &engine{release: "19.03", min: "1.12", max: "1.40"},
			info: Info{
				Version: "19.03.15", APIVersion: "1.40", MinAPIVersion: "1.12", StorageDriver: "overlay2", RootDir: "/var/lib/docker",
				CgroupVersion: "1",
			},
			usage: DiskUsage{
				ImagesBytes: 900_000, BuildCacheBytes: 48_000, VolumesBytes: new(int64(70_000)), ContainersBytes: 5_000,
				ReclaimableBytes: 300_000 + 100_000 + 40_000 + 2_000,
			},
		},
		"26": {
			engine: &engine{release: "26", min: "1.24", max: "1.45"},
			info: Info{
				Version: "26.1.5+dfsg1", APIVersion: "1.45", MinAPIVersion: "1.24", StorageDriver: "overlay2", RootDir: "/var/lib/docker",
				CgroupVersion: "1",
			},
			usage: DiskUsage{
				ImagesBytes: 900_000, BuildCacheBytes: 48_000, VolumesBytes: new(int64(70_000)), ContainersBytes: 5_000,
				ReclaimableBytes: 300_000 + 100_000 + 40_000 + 2_000,
			},
		},
		"29": {
			engine: &engine{release: "29", min: "1.40", max: "1.56"},
			info: Info{
				Version: "29.7.2", APIVersion: "1.56", MinAPIVersion: "1.40", StorageDriver: "overlayfs", RootDir: "/var/lib/docker",
				CgroupVersion: "1", ContainerdStore: true,
			},
			usage: DiskUsage{
				ImagesBytes: 2_100_000, BuildCacheBytes: 48_000, VolumesBytes: new(int64(70_000)), ContainersBytes: 5_000,
				ReclaimableBytes: 400_000 + 40_000 + 2_000,
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := connect(t, serve(t, test.engine))
			info, err := e.Info(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.info, info); diff != "" {
				t.Errorf("info (-want +got):\n%s", diff)
			}
			usage, err := e.DiskUsage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.usage, usage); diff != "" {
				t.Errorf("disk usage (-want +got):\n%s", diff)
			}
			for _, request := range test.engine.seen() {
				if request != "HEAD /_ping" && !strings.HasPrefix(request, "GET /v"+test.info.APIVersion+"/") {
					t.Errorf("unexpected request %s", request)
				}
			}
		})
	}
}

func TestRequestsShareOneConnection(t *testing.T) {
	dial := serve(t, &engine{release: "26", min: "1.24", max: "1.45"})
	dials := 0
	e := connect(t, func(ctx context.Context) (net.Conn, error) {
		dials++
		return dial(ctx)
	})
	for range 3 {
		if _, err := e.Info(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if dials != 1 {
		t.Errorf("%d dials, want 1", dials)
	}
}

func TestInfoAsJSON(t *testing.T) {
	got, err := json.Marshal(Info{Version: "29"})
	want := `{"version":"29","apiVersion":"","minApiVersion":"","storageDriver":"","rootDir":"","cgroupVersion":""}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestIncompatibleAPIVersions(t *testing.T) {
	tests := map[string]struct {
		min, max string
		want     APIVersionError
		message  string
	}{
		"daemon too old": {
			"1.12", "1.39", APIVersionError{ClientMin: "1.40", ClientMax: "1.56", ServerMax: "1.39"},
			"the Docker daemon supports API versions up to 1.39, but this program supports 1.40 to 1.56",
		},
		"daemon too new": {
			"1.60", "1.70", APIVersionError{ClientMin: "1.40", ClientMax: "1.56", ServerMin: "1.60", ServerMax: "1.70"},
			"the Docker daemon supports API versions 1.60 to 1.70, but this program supports 1.40 to 1.56",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Connect(t.Context(), serve(t, &engine{release: "29", min: test.min, max: test.max}))
			var got *APIVersionError
			if !errors.As(err, &got) {
				t.Fatalf("got %v (%T)", err, err)
			}
			if diff := cmp.Diff(test.want, *got); diff != "" {
				t.Error(diff)
			}
			if !strings.Contains(err.Error(), test.message) {
				t.Errorf("error %q does not contain %q", err, test.message)
			}
		})
	}
}

func TestNewerDaemonSupportsClientVersion(t *testing.T) {
	info, err := connect(t, serve(t, &engine{release: "29", min: "1.40", max: "1.60"})).Info(t.Context())
	if err != nil || info.APIVersion != "1.56" {
		t.Errorf("got API version %q, %v, want 1.56", info.APIVersion, err)
	}
}

func TestNotAnEngine(t *testing.T) {
	text := func(code int, body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, body, code) })
	}
	raw := func(response string) Dial { return rawServer(t, response) }
	tests := map[string]struct {
		dial    Dial
		message string
	}{
		"web server":      {serve(t, text(http.StatusOK, "welcome")), "reports no API version"},
		"web server, 404": {serve(t, text(http.StatusNotFound, "404 page not found")), "404 page not found"},
		"long error page": {serve(t, text(http.StatusNotFound, strings.Repeat("<br>\n", 500))), "<br> <br> …)"},
		"proxy error":     {serve(t, text(http.StatusBadGateway, "upstream is down")), "upstream is down"},
		"SSH server":      {raw("SSH-2.0-OpenSSH_9.6\r\n"), "SSH-2.0"},
		"no response":     {raw(""), "closed without a response"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Connect(t.Context(), test.dial)
			var unreachable *UnreachableError
			if !errors.As(err, &unreachable) {
				t.Fatalf("got %v (%T)", err, err)
			}
			if !strings.Contains(err.Error(), test.message) || !strings.HasPrefix(err.Error(), "connect to the Docker daemon: ") {
				t.Errorf("error %q does not contain %q", err, test.message)
			}
		})
	}
}

// rawServer reads a request, sends the response and closes the connection.
func rawServer(t *testing.T, response string) Dial {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, response)
			_ = conn.Close()
		}
	}()
	return to(l.Addr())
}

// dialError is an error that a caller looks for with errors.As. The API client
// replaces the text of ECONNREFUSED with advice about the local machine.
type dialError struct{ error }

func TestDialErrorIsKept(t *testing.T) {
	for name, inner := range map[string]error{"refused": syscall.ECONNREFUSED, "other": errors.New("forbidden")} {
		t.Run(name, func(t *testing.T) {
			_, err := Connect(t.Context(), func(context.Context) (net.Conn, error) { return nil, &dialError{inner} })
			var unreachable *UnreachableError
			var cause *dialError
			if !errors.As(err, &unreachable) || !errors.As(err, &cause) {
				t.Fatalf("got %v (%T)", err, err)
			}
			if want := "connect to the Docker daemon: " + inner.Error(); err.Error() != want {
				t.Errorf("error is %q, want %q", err, want)
			}
		})
	}
}

// failingConn is a connection whose reads fail with err.
type failingConn struct {
	net.Conn
	err error
}

func (c failingConn) Read([]byte) (int, error) { return 0, c.err }

func TestReadErrorIsKept(t *testing.T) {
	dial := serve(t, &engine{release: "26", min: "1.24", max: "1.45"})
	_, err := Connect(t.Context(), func(ctx context.Context) (net.Conn, error) {
		conn, err := dial(ctx)
		return failingConn{conn, &dialError{syscall.ECONNREFUSED}}, err
	})
	var cause *dialError
	var unreachable *UnreachableError
	if !errors.As(err, &cause) || !errors.As(err, &unreachable) {
		t.Errorf("got %v (%T)", err, err)
	}
}

func TestConnectionBreaksDuringResponse(t *testing.T) {
	h := &engine{release: "26", min: "1.24", max: "1.45"}
	e := connect(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/info") {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"ID":`)
			return
		}
		h.ServeHTTP(w, r)
	})))
	_, err := e.Info(t.Context())
	var unreachable *UnreachableError
	if !errors.As(err, &unreachable) || !strings.Contains(err.Error(), "unexpected EOF") {
		t.Errorf("got %v (%T)", err, err)
	}
}

func TestDaemonErrorMessageIsKept(t *testing.T) {
	h := &engine{release: "none", min: "1.24", max: "1.45"}
	_, err := connect(t, serve(t, h)).Info(t.Context())
	var unreachable *UnreachableError
	if err == nil || errors.As(err, &unreachable) {
		t.Fatalf("got %v (%T)", err, err)
	}
	for _, want := range []string{"get the Docker daemon's info: ", "Error response from daemon: ", "no such file"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not contain %q", err, want)
		}
	}
}

func TestSlowDaemon(t *testing.T) {
	h := &engine{release: "26", min: "1.24", max: "1.45"}
	slow := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/_ping" {
			w.WriteHeader(http.StatusOK)
			_, _ = io.WriteString(w, "{")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return
		}
		h.ServeHTTP(w, r)
	}))
	silent := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	hung := func(ctx context.Context) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	e := connect(t, slow)
	calls := map[string]func(context.Context) error{
		"hung dial":       func(ctx context.Context) error { _, err := Connect(ctx, hung); return err },
		"silent":          func(ctx context.Context) error { _, err := Connect(ctx, silent); return err },
		"slow info":       func(ctx context.Context) error { _, err := e.Info(ctx); return err },
		"slow disk usage": func(ctx context.Context) error { _, err := e.DiskUsage(ctx); return err },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			err := call(ctx)
			var unreachable *UnreachableError
			if !errors.As(err, &unreachable) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("deadline exceeded: got %v (%T)", err, err)
			}
			ctx, cancel = context.WithCancel(t.Context())
			time.AfterFunc(20*time.Millisecond, cancel)
			err = call(ctx)
			if !errors.Is(err, context.Canceled) || errors.As(err, &unreachable) {
				t.Errorf("canceled: got %v (%T)", err, err)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	h := &engine{release: "29", min: "1.40", max: "1.56"}
	daemon := httptest.NewUnstartedServer(h)
	daemon.Config.ErrorLog = log.New(io.Discard, "", 0)
	daemon.StartTLS()
	t.Cleanup(daemon.Close)
	pool := x509.NewCertPool()
	pool.AddCert(daemon.Certificate())
	config := &tls.Config{RootCAs: pool, ServerName: "example.com"}

	t.Run("both sides use TLS", func(t *testing.T) {
		info, err := connect(t, to(daemon.Listener.Addr()), WithTLS(config)).Info(t.Context())
		if err != nil || info.Version != "29.7.2" {
			t.Errorf("got version %q, %v, want 29.7.2", info.Version, err)
		}
		if !slices.Contains(h.seen(), "HEAD /_ping") {
			t.Errorf("sent %v, want HEAD /_ping", h.seen())
		}
	})
	t.Run("client without TLS", func(t *testing.T) {
		if _, err := Connect(t.Context(), to(daemon.Listener.Addr())); !errors.Is(err, ErrTLSExpected) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("client without TLS, server sends an alert", func(t *testing.T) {
		if _, err := Connect(t.Context(), rawServer(t, "\x15\x03\x01\x00\x02\x02\x46")); !errors.Is(err, ErrTLSExpected) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("server without TLS", func(t *testing.T) {
		if _, err := Connect(t.Context(), serve(t, h), WithTLS(config)); !errors.Is(err, ErrPlainExpected) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("untrusted certificate", func(t *testing.T) {
		_, err := Connect(t.Context(), to(daemon.Listener.Addr()), WithTLS(&tls.Config{ServerName: "example.com"}))
		var unreachable *UnreachableError
		var untrusted *tls.CertificateVerificationError
		if !errors.As(err, &unreachable) || !errors.As(err, &untrusted) {
			t.Errorf("got %v (%T)", err, err)
		}
	})
}

func TestCloseCancelsPendingDial(t *testing.T) {
	dial := serve(t, &engine{release: "26", min: "1.24", max: "1.45"})
	ended := make(chan struct{})
	first := true
	e := connect(t, func(ctx context.Context) (net.Conn, error) {
		if first {
			first = false
			conn, err := dial(ctx)
			return singleReadConn{conn}, err
		}
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, _ = e.Info(ctx)
	_ = e.Close()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("Close did not cancel the dial")
	}
}

// singleReadConn closes after one read, so that the second request dials again.
type singleReadConn struct{ net.Conn }

func (c singleReadConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	_ = c.Conn.Close()
	return n, err
}
