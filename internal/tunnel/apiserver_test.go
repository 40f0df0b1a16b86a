package tunnel

import (
	"bufio"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	gorilla "github.com/gorilla/websocket"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"

	"go.uber.org/goleak"
)

// apiServer implements the port-forward protocol of the API server and the node.
// A port in the pod is the same port on this machine's loopback address.
type apiServer struct {
	*httptest.Server
	// noWebsockets refuses websocket upgrades, like API servers before 1.30.
	noWebsockets bool
	// respond, if set, handles requests instead of an upgrade.
	respond http.HandlerFunc
	// websocket, if set, handles websocket upgrades.
	websocket http.HandlerFunc
	// refuseEarly makes the node refuse connections before it replies to a stream.
	refuseEarly bool
	// hold, if set, delays the node's reply to each stream until it is closed.
	hold chan struct{}

	upgrades atomic.Int32
	paths    sync.Map // request URIs seen

	mu      sync.Mutex
	pairs   map[string]map[string]httpstream.Stream
	tunnels []io.Closer
	serving sync.WaitGroup
}

// newAPIServer starts a server with TLS and HTTP/2. It checks for leaked
// goroutines after the server has stopped.
func newAPIServer(t *testing.T, set func(*apiServer)) *apiServer {
	t.Helper()
	leaks := []goleak.Option{
		goleak.IgnoreCurrent(),
		// It waits 30 seconds for the node's reply, even on a closed connection.
		goleak.IgnoreAnyFunction("github.com/moby/spdystream.(*Stream).WaitTimeout"),
	}
	t.Cleanup(func() { goleak.VerifyNone(t, leaks...) })
	a := &apiServer{pairs: map[string]map[string]httpstream.Stream{}}
	if set != nil {
		set(a)
	}
	a.Server = httptest.NewUnstartedServer(http.HandlerFunc(a.serve))
	a.Server.EnableHTTP2 = true
	a.Server.StartTLS()
	t.Cleanup(func() {
		a.cut()
		a.Server.Close()
		a.serving.Wait()
	})
	return a
}

func (a *apiServer) config() *rest.Config {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate().Raw})
	return &rest.Config{Host: a.URL, BearerToken: "token", TLSClientConfig: rest.TLSClientConfig{CAData: ca}}
}

// dialer returns a Dialer. It is closed before the server stops.
func (a *apiServer) dialer(t *testing.T) *Dialer {
	t.Helper()
	d, err := New(a.config(), "ci", "dind-0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// cut breaks every tunnel like a network failure.
func (a *apiServer) cut() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, tunnel := range a.tunnels {
		_ = tunnel.Close()
	}
	a.tunnels = nil
}

func (a *apiServer) serve(w http.ResponseWriter, r *http.Request) {
	a.paths.Store(r.Method+" "+r.RequestURI, r.Header.Get("Authorization"))
	if a.respond != nil {
		a.respond(w, r)
		return
	}
	if gorilla.IsWebSocketUpgrade(r) {
		if a.websocket != nil {
			a.websocket(w, r)
			return
		}
		a.serveWebsocket(w, r)
		return
	}
	if _, err := httpstream.Handshake(r, w, []string{portforward.PortForwardProtocolV1Name}); err != nil {
		return
	}
	a.upgrades.Add(1)
	raw := &hijacker{ResponseWriter: w}
	conn := spdy.NewResponseUpgrader().UpgradeResponse(raw, r, a.accept)
	a.keep(raw.conn)
	<-conn.CloseChan()
	_ = raw.conn.Close()
}

// hijacker stores the connection that is hijacked through it.
type hijacker struct {
	http.ResponseWriter
	conn net.Conn
}

func (h *hijacker) Hijack() (conn net.Conn, rw *bufio.ReadWriter, err error) {
	h.conn, rw, err = h.ResponseWriter.(http.Hijacker).Hijack()
	return h.conn, rw, err
}

func (a *apiServer) serveWebsocket(w http.ResponseWriter, r *http.Request) {
	if a.noWebsockets {
		http.Error(w, "unable to upgrade: no websockets", http.StatusBadRequest)
		return
	}
	upgrader := gorilla.Upgrader{Subprotocols: []string{"SPDY/3.1+portforward.k8s.io"}}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	a.upgrades.Add(1)
	raw := portforward.NewTunnelingConnection("server", ws)
	conn, err := spdy.NewServerConnection(raw, a.accept)
	if err != nil {
		return
	}
	a.keep(ws.NetConn())
	<-conn.CloseChan()
	_ = raw.Close()
}

func (a *apiServer) keep(tunnel io.Closer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tunnels = append(a.tunnels, tunnel)
}

func (a *apiServer) accept(stream httpstream.Stream, replied <-chan struct{}) error {
	if a.hold != nil {
		<-a.hold
	}
	id := stream.Headers().Get(corev1.PortForwardRequestIDHeader)
	kind := stream.Headers().Get(corev1.StreamType)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pairs[id] == nil {
		a.pairs[id] = map[string]httpstream.Stream{}
	}
	a.pairs[id][kind] = stream
	data, report := a.pairs[id][corev1.StreamTypeData], a.pairs[id][corev1.StreamTypeError]
	if data == nil || report == nil {
		return nil
	}
	delete(a.pairs, id)
	if a.refuseEarly {
		refuseForward(data, report, syscall.ECONNREFUSED)
		return nil
	}
	a.serving.Go(func() {
		<-replied
		forward(data, report)
	})
	return nil
}

// forward forwards one connection, like the kubelet and the container runtime.
func forward(data, report httpstream.Stream) {
	defer func() { _ = data.Reset() }()
	defer func() { _ = data.Close() }()
	defer func() { _ = report.Close() }()
	port, _ := strconv.Atoi(data.Headers().Get(corev1.PortHeader))
	conn, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		refuseForward(data, report, err)
		return
	}
	defer func() { _ = conn.Close() }()
	go func() {
		_, _ = io.Copy(conn, data)
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(data, conn)
}

func refuseForward(data, report httpstream.Stream, reason error) {
	_, _ = fmt.Fprintf(report, "error forwarding port %s to pod abc, uid : %v", data.Headers().Get(corev1.PortHeader), reason)
	_ = data.Reset()
	_ = report.Reset()
}

// listen starts a process in the pod that handles connections, and returns its
// port.
func listen(t *testing.T, handle func(net.Conn)) int {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		conns.Wait()
	})
	conns.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer func() { _ = conn.Close() }()
				handle(conn)
			})
		}
	})
	return l.Addr().(*net.TCPAddr).Port
}

func echo(conn net.Conn) { _, _ = io.Copy(conn, conn) }

// unresponsive does not read, write or close until the test ends.
func unresponsive(t *testing.T) func(net.Conn) {
	return func(net.Conn) { <-t.Context().Done() }
}

// closedPort returns a port on which nothing listens.
func closedPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// overBoth runs a test with websockets and with SPDY.
func overBoth(t *testing.T, test func(*testing.T, *apiServer)) {
	for name, noWebsockets := range map[string]bool{"websocket": false, "SPDY": true} {
		t.Run(name, func(t *testing.T) {
			test(t, newAPIServer(t, func(a *apiServer) { a.noWebsockets = noWebsockets }))
		})
	}
}

func contains(t *testing.T, text, want string) {
	t.Helper()
	if !strings.Contains(text, want) {
		t.Errorf("%q does not contain %q", text, want)
	}
}
