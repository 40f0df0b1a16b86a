package tunnel

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

func dial(t *testing.T, d *Dialer, port int) net.Conn {
	t.Helper()
	conn, err := d.DialContext(t.Context(), port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// exchange sends a line and expects to receive it back.
func exchange(t *testing.T, conn net.Conn, line string) {
	t.Helper()
	if _, err := io.WriteString(conn, line); err != nil {
		t.Fatalf("write: %v", err)
	}
	got := make([]byte, len(line))
	if _, err := io.ReadFull(conn, got); err != nil {
		t.Fatalf("read: %v", err)
	}
	if string(got) != line {
		t.Fatalf("received %q, want %q", got, line)
	}
}

func TestEcho(t *testing.T) {
	overBoth(t, func(t *testing.T, a *apiServer) {
		conn := dial(t, a.dialer(t), listen(t, echo))
		exchange(t, conn, "hello")
		exchange(t, conn, "again")
		if got := conn.RemoteAddr().Network(); got != "portforward" {
			t.Errorf("network is %q, want portforward", got)
		}
		method := "GET"
		if a.noWebsockets {
			method = "POST"
		}
		auth, ok := a.paths.Load(method + " /api/v1/namespaces/ci/pods/dind-0/portforward")
		if !ok || auth != "Bearer token" {
			t.Errorf("no authorized %s request for portforward (got %v)", method, auth)
		}
	})
}

// Dials use the tunnel of Open. Open replaces a lost tunnel.
func TestOpen(t *testing.T) {
	overBoth(t, func(t *testing.T, a *apiServer) {
		d := a.dialer(t)
		for n := range int32(2) {
			if err := d.Open(t.Context()); err != nil {
				t.Fatal(err)
			}
			exchange(t, dial(t, d, listen(t, echo)), "hello")
			if got := a.upgrades.Load(); got != n+1 {
				t.Errorf("%d tunnels, want %d", got, n+1)
			}
			alive := d.sessions[0].alive
			a.cut()
			<-alive.Done()
		}
	})
}

func TestServerPathPrefixIsKept(t *testing.T) {
	a := newAPIServer(t, nil)
	config := a.config()
	config.Host += "/k8s/clusters/c-1"
	d, err := New(config, "ci", "dind-0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	exchange(t, dial(t, d, listen(t, echo)), "hello")
	if _, ok := a.paths.Load("GET /k8s/clusters/c-1/api/v1/namespaces/ci/pods/dind-0/portforward"); !ok {
		t.Error("the request lacks the server's path prefix")
	}
}

func TestConcurrentLargeTransfers(t *testing.T) {
	const size = 8 << 20
	overBoth(t, func(t *testing.T, a *apiServer) {
		d, port := a.dialer(t), listen(t, echo)
		var transfers sync.WaitGroup
		for range 2 {
			conn := dial(t, d, port)
			sent, received := sha256.New(), sha256.New()
			transfers.Go(func() {
				from := io.TeeReader(io.LimitReader(rand.Reader, size), sent)
				if n, err := io.Copy(conn, from); err != nil {
					t.Errorf("sent %d bytes: %v", n, err)
				}
			})
			transfers.Go(func() {
				if n, err := io.CopyN(received, conn, size); err != nil {
					t.Errorf("received %d bytes: %v", n, err)
				}
			})
			defer func() {
				if !bytes.Equal(sent.Sum(nil), received.Sum(nil)) {
					t.Error("the received bytes differ from the sent bytes")
				}
			}()
		}
		transfers.Wait()
		if n := a.upgrades.Load(); n != 1 {
			t.Errorf("%d upgrades, want 1", n)
		}
	})
}

func TestConcurrentFirstDialsShareOneTunnel(t *testing.T) {
	a := newAPIServer(t, nil)
	d, port := a.dialer(t), listen(t, echo)
	var dials sync.WaitGroup
	for i := range 8 {
		dials.Go(func() {
			conn, err := d.DialContext(t.Context(), port)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close() }()
			exchange(t, conn, fmt.Sprintf("hello %d", i))
		})
	}
	dials.Wait()
	if n := a.upgrades.Load(); n != 1 {
		t.Errorf("%d upgrades, want 1", n)
	}
}

func TestAllDataIsReadBeforeEOF(t *testing.T) {
	overBoth(t, func(t *testing.T, a *apiServer) {
		conn := dial(t, a.dialer(t), listen(t, func(c net.Conn) {
			_, _ = c.Write(bytes.Repeat([]byte("x"), 300_000))
		}))
		got, err := io.ReadAll(conn)
		if err != nil || len(got) != 300_000 {
			t.Errorf("read %d bytes, %v, want 300000", len(got), err)
		}
		if _, err := conn.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("write after EOF: %v, want EPIPE", err)
		}
	})
}

func TestPortNotOpen(t *testing.T) {
	overBoth(t, func(t *testing.T, a *apiServer) {
		stderr := captureStderr(t)
		d, port := a.dialer(t), closedPort(t)
		conn := dial(t, d, port)
		_, err := conn.Read(make([]byte, 1))
		var remote *RemoteError
		if !errors.As(err, &remote) || !remote.refused() || !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("read: %v (%T), want a refused *RemoteError", err, err)
		}
		if remote.Port != port || remote.Pod != "ci/dind-0" {
			t.Errorf("the error has port %d of pod %q", remote.Port, remote.Pod)
		}
		contains(t, remote.Message, "error forwarding port")
		if want := fmt.Sprintf("connect to port %d in pod ci/dind-0: connection refused", port); err.Error() != want {
			t.Errorf("error is %q, want %q", err, want)
		}
		if _, err := conn.Write([]byte("x")); !errors.As(err, &remote) {
			t.Errorf("write: %v, want a *RemoteError", err)
		}
		var open *OpenError
		if errors.As(err, &open) {
			t.Error("a connection refused in the pod is reported as an *OpenError")
		}
		exchange(t, dial(t, d, listen(t, echo)), "another port works")
		if got := stderr(); got != "" {
			t.Errorf("stderr is %q, want nothing", got)
		}
	})
}

func TestPortNotOpenReportedBeforeReply(t *testing.T) {
	overBoth(t, func(t *testing.T, a *apiServer) {
		a.refuseEarly = true
		conn, err := a.dialer(t).DialContext(t.Context(), closedPort(t))
		if err == nil {
			_ = conn.Close()
		}
		var remote *RemoteError
		var open *OpenError
		if !errors.As(err, &remote) || !remote.refused() || errors.As(err, &open) {
			t.Errorf("got %v (%T), want a refused *RemoteError and no *OpenError", err, err)
		}
	})
}

// captureStderr captures stderr until the returned function is called. That
// function returns the captured text.
func captureStderr(t *testing.T) func() string {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "stderr")
	if err != nil {
		t.Fatal(err)
	}
	old := os.Stderr
	os.Stderr = file
	t.Cleanup(func() { os.Stderr = old; _ = file.Close() })
	return func() string {
		os.Stderr = old
		text, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}

func TestLostTunnelIsReplaced(t *testing.T) {
	overBoth(t, func(t *testing.T, a *apiServer) {
		d, port := a.dialer(t), listen(t, echo)
		conn := dial(t, d, port)
		exchange(t, conn, "hello")
		a.cut()
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, ErrLost) {
			t.Errorf("read: %v, want ErrLost", err)
		}
		if _, err := conn.Write([]byte("x")); !errors.Is(err, ErrLost) {
			t.Errorf("write: %v, want ErrLost", err)
		}
		exchange(t, dial(t, d, port), "hello again")
		if n := a.upgrades.Load(); n != 2 {
			t.Errorf("%d upgrades, want 2", n)
		}
	})
}

func TestDeadlines(t *testing.T) {
	overBoth(t, func(t *testing.T, a *apiServer) {
		d := a.dialer(t)
		conn := dial(t, d, listen(t, echo))
		_ = conn.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
		_, err := conn.Read(make([]byte, 1))
		var netErr net.Error
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &netErr) || !netErr.Timeout() {
			t.Fatalf("read: %v, want a timeout", err)
		}
		_ = conn.SetReadDeadline(time.Time{})
		exchange(t, conn, "works after a deadline")
	})
}

func TestBlockedTunnelIsReplaced(t *testing.T) {
	overBoth(t, func(t *testing.T, a *apiServer) {
		d, port := a.dialer(t), listen(t, unresponsive(t))
		conn := dial(t, d, port)
		var err error
		block := make([]byte, 256<<10)
		for total := 0; err == nil && total < 1024; total++ {
			_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
			_, err = conn.Write(block)
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("write: %v, want a timeout", err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		next, err := d.DialContext(ctx, listen(t, echo))
		if err != nil {
			t.Fatalf("dial after a blocked tunnel: %v", err)
		}
		defer func() { _ = next.Close() }()
		exchange(t, next, "a new tunnel")
	})
}

func TestLostTunnelIsDetectedDespiteUnreadConnection(t *testing.T) {
	overBoth(t, func(t *testing.T, a *apiServer) {
		d := a.dialer(t)
		unread := dial(t, d, listen(t, func(c net.Conn) { _, _ = c.Write(make([]byte, 1<<20)) }))
		if _, err := io.ReadFull(unread, make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		conn := dial(t, d, listen(t, echo))
		a.cut()
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, ErrLost) {
			t.Errorf("read: %v, want ErrLost", err)
		}
	})
}

func TestCloseDuringReadAndWrite(t *testing.T) {
	overBoth(t, func(t *testing.T, a *apiServer) {
		d, port := a.dialer(t), listen(t, unresponsive(t))
		conn, other := dial(t, d, port), dial(t, d, listen(t, echo))
		read := make(chan error)
		go func() {
			_, err := conn.Read(make([]byte, 1))
			read <- err
		}()
		select {
		case err := <-read:
			t.Fatalf("read returned before Close: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
		for range 2 {
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := <-read; !errors.Is(err, net.ErrClosed) {
			t.Errorf("read: %v, want net.ErrClosed", err)
		}
		if _, err := conn.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write: %v, want net.ErrClosed", err)
		}
		time.Sleep(grace + 100*time.Millisecond) // longer than a blocked tunnel is kept
		exchange(t, other, "the other connection works")
	})
}

func TestDataWrittenBeforeCloseArrives(t *testing.T) {
	overBoth(t, func(t *testing.T, a *apiServer) {
		arrived := make(chan int, 1)
		conn := dial(t, a.dialer(t), listen(t, func(c net.Conn) {
			n, _ := io.Copy(io.Discard, c)
			arrived <- int(n)
		}))
		if _, err := conn.Write(make([]byte, 100_000)); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		if n := <-arrived; n != 100_000 {
			t.Errorf("%d bytes arrived, want 100000", n)
		}
	})
}

func TestHTTPKeepAlive(t *testing.T) {
	overBoth(t, func(t *testing.T, a *apiServer) {
		daemon := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			_, _ = w.Write(body)
		}))
		defer daemon.Close()
		d, port := a.dialer(t), daemon.Listener.Addr().(*net.TCPAddr).Port
		dials := 0
		transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			dials++
			return d.DialContext(ctx, port)
		}}
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
		for i := range 20 {
			body := bytes.Repeat([]byte{byte(i)}, 10_000*i)
			resp, err := client.Post("http://daemon/", "text/plain", bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || !bytes.Equal(got, body) {
				t.Fatalf("request %d: received %d of %d bytes, %v", i, len(got), len(body), err)
			}
		}
		if dials != 1 {
			t.Errorf("%d connections, want 1", dials)
		}
	})
}

func TestHTTPClientReturnsRemoteError(t *testing.T) {
	a := newAPIServer(t, nil)
	d, port := a.dialer(t), closedPort(t)
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return d.DialContext(ctx, port)
	}}}
	resp, err := client.Get("http://daemon/")
	if err == nil {
		_ = resp.Body.Close()
	}
	var remote *RemoteError
	if !errors.As(err, &remote) {
		t.Errorf("got %v, want a *RemoteError", err)
	}
}
