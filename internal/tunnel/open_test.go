package tunnel

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	gorilla "github.com/gorilla/websocket"
)

// refuse responds with the status, like the API server.
func refuse(status *apierrors.StatusError) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		s := status.ErrStatus
		s.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(int(s.Code))
		_ = json.NewEncoder(w).Encode(s)
	}
}

func TestErrorResponsesAreTyped(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	forbidden := refuse(apierrors.NewForbidden(pods, "dind-0", errors.New(`User "jane" cannot create resource "pods/portforward"`)))
	text := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, body, code) }
	}
	tests := map[string]struct {
		respond http.HandlerFunc
		is      func(error) bool
		message string
	}{
		"forbidden":             {forbidden, apierrors.IsForbidden, `User "jane" cannot create`},
		"pod not found":         {refuse(apierrors.NewNotFound(pods, "dind-0")), apierrors.IsNotFound, `pods "dind-0" not found`},
		"unauthorized":          {refuse(apierrors.NewUnauthorized("log in first")), apierrors.IsUnauthorized, "log in first"},
		"node unreachable":      {refuse(apierrors.NewInternalError(errors.New("error dialing backend: EOF"))), apierrors.IsInternalError, "error dialing backend"},
		"403 from a proxy":      {text(http.StatusForbidden, "not through here"), apierrors.IsForbidden, "not through here"},
		"500 from a proxy":      {text(http.StatusInternalServerError, "upstream went away"), apierrors.IsInternalError, "upstream went away"},
		"status from SPDY only": {byProtocol(text(http.StatusBadRequest, "no"), forbidden), apierrors.IsForbidden, "jane"},
		"status from the websocket only": {byProtocol(forbidden, func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			_ = conn.Close()
		}), apierrors.IsForbidden, "jane"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := newAPIServer(t, func(a *apiServer) { a.respond = test.respond }).dialer(t)
			_, err := d.DialContext(t.Context(), 2375)
			var open *OpenError
			if !errors.As(err, &open) || !test.is(err) {
				t.Fatalf("got %v (%T), which has the wrong type", err, errors.Unwrap(err))
			}
			contains(t, err.Error(), test.message)
			contains(t, err.Error(), "open a tunnel to pod ci/dind-0")
		})
	}
}

// byProtocol handles websocket upgrades and other requests separately.
func byProtocol(websocket, other http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if gorilla.IsWebSocketUpgrade(r) {
			websocket(w, r)
			return
		}
		other(w, r)
	}
}

func TestSPDYAfterForbiddenWebsocket(t *testing.T) {
	a := newAPIServer(t, nil)
	upgrade := a.serve
	a.Config.Handler = byProtocol(
		refuse(apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "dind-0", errors.New("cannot get"))), upgrade)
	exchange(t, dial(t, a.dialer(t), listen(t, echo)), "the permission create is enough")
}

func TestNoSPDYAfterFinalErrors(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	for _, status := range []*apierrors.StatusError{apierrors.NewNotFound(pods, "dind-0"), apierrors.NewUnauthorized("no")} {
		a := newAPIServer(t, func(a *apiServer) { a.respond = refuse(status) })
		_, _ = a.dialer(t).DialContext(t.Context(), 2375)
		a.paths.Range(func(request, _ any) bool {
			if strings.HasPrefix(request.(string), "POST") {
				t.Errorf("%s: sent %v", status.ErrStatus.Reason, request)
			}
			return true
		})
	}
}

func TestServerUnreachable(t *testing.T) {
	a := newAPIServer(t, nil)
	d := a.dialer(t)
	a.Server.Close()
	_, err := d.DialContext(t.Context(), 2375)
	var open *OpenError
	var op *net.OpError
	if !errors.As(err, &open) || !errors.As(err, &op) {
		t.Errorf("got %v, want a *net.OpError in an *OpenError", err)
	}
}

func TestInvalidPort(t *testing.T) {
	a := newAPIServer(t, nil)
	d := a.dialer(t)
	for _, port := range []int{-1, 0, 65536} {
		if _, err := d.DialContext(t.Context(), port); err == nil {
			t.Errorf("port %d was accepted", port)
		}
	}
	a.paths.Range(func(path, _ any) bool { t.Errorf("sent %v", path); return true })
}

// hang does not respond to requests for which hangs returns true.
func hang(hangs func(http.ResponseWriter, *http.Request) bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if hangs(w, r) {
			<-r.Context().Done()
		}
	}
}

func TestDialToHangingServerIsCanceled(t *testing.T) {
	always := func(http.ResponseWriter, *http.Request) bool { return true }
	spdyOnly := func(w http.ResponseWriter, r *http.Request) bool {
		if gorilla.IsWebSocketUpgrade(r) {
			http.Error(w, "no websockets", http.StatusBadRequest)
			return false
		}
		return true
	}
	for name, slow := range map[string]func(http.ResponseWriter, *http.Request) bool{"websocket": always, "SPDY": spdyOnly} {
		t.Run(name+", context canceled", func(t *testing.T) {
			d := newAPIServer(t, func(a *apiServer) { a.respond = hang(slow) }).dialer(t)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(30*time.Millisecond, cancel)
			endsSoon(t, d, ctx, context.Canceled)
		})
		t.Run(name+", deadline exceeded", func(t *testing.T) {
			d := newAPIServer(t, func(a *apiServer) { a.respond = hang(slow) }).dialer(t)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
			defer cancel()
			endsSoon(t, d, ctx, context.DeadlineExceeded)
		})
		t.Run(name+", Dialer closed", func(t *testing.T) {
			d := newAPIServer(t, func(a *apiServer) { a.respond = hang(slow) }).dialer(t)
			time.AfterFunc(30*time.Millisecond, func() { _ = d.Close() })
			endsSoon(t, d, t.Context(), net.ErrClosed)
		})
	}
}

func TestHangingDialDoesNotBlockAnother(t *testing.T) {
	arrived := make(chan struct{}, 2)
	d := newAPIServer(t, func(a *apiServer) {
		a.respond = hang(func(http.ResponseWriter, *http.Request) bool {
			arrived <- struct{}{}
			return true
		})
	}).dialer(t)
	first := make(chan error)
	go func() {
		_, err := d.DialContext(t.Context(), 2375)
		first <- err
	}()
	<-arrived
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	endsSoon(t, d, ctx, context.DeadlineExceeded)
	_ = d.Close()
	if err := <-first; !errors.Is(err, net.ErrClosed) {
		t.Errorf("first dial: %v, want net.ErrClosed", err)
	}
}

func TestDialWithoutStreamReplyIsCanceled(t *testing.T) {
	overBoth(t, func(t *testing.T, a *apiServer) {
		a.hold = make(chan struct{})
		d := a.dialer(t)
		// Open the tunnel first, so that only the streams can time out.
		if err := d.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		ended := make(chan struct{})
		late := listen(t, func(c net.Conn) {
			_, _ = io.Copy(io.Discard, c)
			close(ended)
		})
		if _, err := d.DialContext(ctx, late); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v, want context.DeadlineExceeded", err)
		}
		close(a.hold)
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			t.Error("the late connection stays open")
		}
		exchange(t, dial(t, d, listen(t, echo)), "a new tunnel")
		if n := a.upgrades.Load(); n != 2 {
			t.Errorf("%d upgrades, want 2", n)
		}
	})
}

func TestNoDialAfterClose(t *testing.T) {
	a := newAPIServer(t, nil)
	d, port := a.dialer(t), listen(t, echo)
	conn := dial(t, d, port)
	exchange(t, conn, "hello")
	for range 2 {
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, ErrLost) {
		t.Errorf("read: %v, want ErrLost", err)
	}
	endsSoon(t, d, t.Context(), net.ErrClosed)
	if n := a.upgrades.Load(); n != 1 {
		t.Errorf("%d upgrades, want 1", n)
	}
}

func endsSoon(t *testing.T, d *Dialer, ctx context.Context, want error) {
	t.Helper()
	start := time.Now()
	conn, err := d.DialContext(ctx, 2375)
	if err == nil {
		_ = conn.Close()
	}
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
	var open *OpenError
	if !errors.As(err, &open) {
		t.Errorf("got %T, want an *OpenError", err)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("took %v", took)
	}
}
