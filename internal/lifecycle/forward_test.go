package lifecycle

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/certs"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/tunnel"
)

// forwardWorld is a world with an installation, whose daemon handles each connection.
func forwardWorld(t *testing.T, secure bool, handle func(net.Conn)) *world {
	t.Helper()
	w := newWorld(t)
	w.Now = time.Now // for the certificates
	w.install(t, options(func(o *dind.Options) { o.TLS = secure }))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.engine.Address = listener.Addr().String()
	if secure {
		listener = tls.NewListener(listener, serverTLS(t, w))
	}
	var serving sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				handle(conn)
			})
		}
	})
	return w
}

// serverTLS is how the daemon of the installation serves TLS.
func serverTLS(t *testing.T, w *world) *tls.Config {
	t.Helper()
	secret, err := w.Clientset.CoreV1().Secrets("ci").Get(t.Context(), "d-server-tls", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(secret.Data[certs.CertFile], secret.Data[certs.KeyFile])
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(secret.Data[certs.CAFile])
	return &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert}
}

// forward starts the Forward of the world.
func (w *world) forward(t *testing.T) *Forward {
	t.Helper()
	f, err := w.Forward(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// dial connects to the socket, for 10 seconds at most.
func (f *Forward) dial(t *testing.T) *net.UnixConn {
	t.Helper()
	conn, err := net.Dial("unix", strings.TrimPrefix(f.Host, "unix://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn.(*net.UnixConn)
}

// counts reads to the end, and then responds with the number of bytes.
func counts(conn net.Conn) {
	n, err := io.Copy(io.Discard, conn)
	_, _ = fmt.Fprintf(conn, "%d bytes, %v", n, err)
}

// Several clients at once exchange a greeting, send more, end their direction, and still
// read the response: with TLS toward the daemon and without.
func TestForward(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %t", secure), func(t *testing.T) {
			w := forwardWorld(t, secure, func(conn net.Conn) {
				greeting := make([]byte, 5)
				_, _ = io.ReadFull(conn, greeting)
				_, _ = conn.Write(greeting)
				counts(conn)
			})
			f := w.forward(t)
			if f.Pod != "d-abc-1" {
				t.Errorf("pod %q", f.Pod)
			}
			var open []*net.UnixConn
			for n := range 4 {
				conn, hello := f.dial(t), fmt.Sprintf("hey %d", n)
				_, _ = io.WriteString(conn, hello)
				got := make([]byte, len(hello))
				if _, err := io.ReadFull(conn, got); err != nil || string(got) != hello {
					t.Fatalf("got %q, %v", got, err)
				}
				open = append(open, conn)
			}
			for n, conn := range open {
				if _, err := conn.Write(make([]byte, 100_000*n)); err != nil {
					t.Fatal(err)
				}
				_ = conn.CloseWrite()
				if got, err := io.ReadAll(conn); err != nil || string(got) != fmt.Sprintf("%d bytes, <nil>", 100_000*n) {
					t.Errorf("got %q, %v", got, err)
				}
			}
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// The end of a client that has no input for a container is not passed on.
func TestForwardOfOutput(t *testing.T) {
	const (
		attach  = "POST /v1.51/containers/ab/attach?stderr=1&stdout=1&stream=1 HTTP/1.1\r\n\r\n"
		typing  = "POST /v1.51/containers/ab/attach?stderr=1&stdin=1&stdout=1&stream=1 HTTP/1.1\r\n\r\n"
		start   = "POST /v1.51/exec/ab/start HTTP/1.1\r\n\r\n{}"
		create  = "POST /v1.51/containers/ab/exec HTTP/1.1\r\n\r\n{\"AttachStdin\":false}"
		creates = "POST /v1.51/containers/ab/exec HTTP/1.1\r\n\r\n{\"AttachStdin\":true}"
	)
	for _, test := range []struct {
		name string
		sent []string // over a connection each
		end  bool     // is passed on
	}{
		{"attach", []string{attach}, false},
		{"attach with input", []string{typing}, true},
		{"exec", []string{create, start}, false},
		{"exec with input", []string{creates, start}, true},
		{"anything else", []string{"POST /v1.51/build HTTP/1.1\r\n\r\n"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			ended := make(chan bool, 1)
			w := forwardWorld(t, false, func(conn net.Conn) {
				last := make([]byte, len(test.sent[len(test.sent)-1]))
				if _, err := io.ReadFull(conn, last); err != nil || string(last) != test.sent[len(test.sent)-1] {
					return // another of the connections
				}
				_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
				_, err := conn.Read(last)
				ended <- errors.Is(err, io.EOF)
				_, _ = io.WriteString(conn, "output")
			})
			f := w.forward(t)
			for n, text := range test.sent {
				conn := f.dial(t)
				_, _ = io.WriteString(conn, text)
				if n < len(test.sent)-1 {
					time.Sleep(50 * time.Millisecond)
					continue
				}
				_ = conn.CloseWrite()
				if got, err := io.ReadAll(conn); err != nil || string(got) != "output" {
					t.Errorf("got %q, %v", got, err)
				}
			}
			if got := <-ended; got != test.end {
				t.Errorf("the end was passed on: %v, want %v", got, test.end)
			}
		})
	}
}

// When the daemon ends its direction, the client reads the end and can still send.
func TestForwardPassesTheDaemonsEnd(t *testing.T) {
	received := make(chan string, 1)
	w := forwardWorld(t, false, func(conn net.Conn) {
		_ = conn.(*net.TCPConn).CloseWrite()
		rest, _ := io.ReadAll(conn)
		received <- string(rest)
	})
	conn := w.forward(t).dial(t)
	if got, err := io.ReadAll(conn); err != nil || len(got) > 0 {
		t.Fatalf("got %q, %v", got, err)
	}
	_, _ = io.WriteString(conn, "the rest")
	_ = conn.Close()
	if got := <-received; got != "the rest" {
		t.Errorf("the daemon received %q", got)
	}
}

// Only this user can reach the socket, and nothing of it is left. Close ends connections
// to a silent daemon, and is no failure of them.
func TestForwardClose(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	w := forwardWorld(t, false, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	f := w.forward(t)
	socket := strings.TrimPrefix(f.Host, "unix://")
	info, err := os.Stat(filepath.Dir(socket))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	conn := f.dial(t)
	_, _ = io.WriteString(conn, "x")
	if err := f.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read after Close: %v", err)
	}
	if left, err := os.ReadDir(os.TempDir()); len(left) > 0 || err != nil {
		t.Errorf("left: %v, %v", left, err)
	}
}

// Close returns why connections to the daemon failed.
func TestForwardFails(t *testing.T) {
	w := forwardWorld(t, false, counts)
	f := w.forward(t)
	w.engine.Address = "127.0.0.1:1"
	if got, _ := io.ReadAll(f.dial(t)); len(got) > 0 {
		t.Errorf("got %q", got)
	}
	var failed *DaemonError
	if err := f.Close(); !errors.As(err, &failed) || failed.Pod != "d-abc-1" {
		t.Errorf("Close: %v", err)
	}
}

// Close ends connections that are being opened, and that is no failure of them.
func TestForwardCloseWhileDialing(t *testing.T) {
	w := forwardWorld(t, false, counts)
	connect, dialing := w.Connect, make(chan struct{})
	w.Connect = func(c *kube.Cluster, pod string) (Link, error) {
		inner, err := connect(c, pod)
		return silentLink{inner, dialing}, err
	}
	f := w.forward(t)
	f.dial(t)
	<-dialing
	if err := f.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// silentLink is a link that never gets a connection.
type silentLink struct {
	Link
	dialing chan struct{}
}

func (l silentLink) Dial(ctx context.Context, _ *tls.Config) (net.Conn, error) {
	close(l.dialing)
	<-ctx.Done()
	return nil, ctx.Err()
}

// A lost tunnel ends both connections, and the error says so.
func TestForwardLosesTheTunnel(t *testing.T) {
	near, far := net.Pipe()
	lost := brokenConn{far, fmt.Errorf("port 2375: %w", tunnel.ErrLost)}
	if err := join(t.Context(), near, lost, new(atomic.Bool)); !linkLost(err) {
		t.Errorf("got %v", err)
	}
	if _, err := near.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the other connection is not closed: %v", err)
	}
}

// When both directions have ended, both connections are closed.
func TestForwardClosesBoth(t *testing.T) {
	near, client := net.Pipe()
	far, daemon := net.Pipe()
	_ = client.Close()
	if err := join(t.Context(), near, brokenConn{far, io.EOF}, new(atomic.Bool)); err != nil {
		t.Error(err)
	}
	_ = daemon.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := daemon.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the connection of the daemon is open: %v", err)
	}
}

// brokenConn is a connection whose Read fails.
type brokenConn struct {
	net.Conn
	err error
}

func (c brokenConn) Read([]byte) (int, error) { return 0, c.err }

func TestForwardNeedsAReadyDaemon(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var missing *NotInstalledError
	if _, err := newWorld(t).Forward(t.Context()); !errors.As(err, &missing) {
		t.Errorf("not installed: %v", err)
	}
	var failed *DaemonError
	w := installedWorld(t, nil)
	w.engine.Refuse = errDown
	if _, err := w.Forward(t.Context()); !errors.As(err, &failed) || !errors.Is(err, errDown) {
		t.Errorf("refused: %v", err)
	}
	w = installedWorld(t, secureFor("jobs"))
	change(t, w, secrets, "d-client-tls", func(s *corev1.Secret) { s.Data = nil })
	var unusable *CredentialsError
	if _, err := w.Forward(t.Context()); !errors.As(err, &failed) || !errors.As(err, &unusable) {
		t.Errorf("no certificate: %v", err)
	}
	if left, _ := os.ReadDir(os.TempDir()); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
