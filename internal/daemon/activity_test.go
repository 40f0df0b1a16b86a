package daemon

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	controlapi "github.com/moby/buildkit/api/services/control"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// busyEngine is an engine that also serves its running builds and containers, and
// notifies clients of changes.
type busyEngine struct {
	engine
	controlapi.UnimplementedControlServer
	upgrades  bool // has /grpc
	noHistory bool // has no build history
	code      int  // status of /grpc without upgrades; 404 by default

	rpc   *grpc.Server
	conns chan net.Conn

	mu                                 sync.Mutex
	builds                             []string
	containers                         []string
	buildListeners, containerListeners []chan struct{}
}

func newBusyEngine(t *testing.T, b *busyEngine) *busyEngine {
	t.Helper()
	b.rpc, b.conns = grpc.NewServer(), make(chan net.Conn)
	controlapi.RegisterControlServer(b.rpc, b)
	served := make(chan struct{})
	go func() { defer close(served); _ = b.rpc.Serve(b) }()
	t.Cleanup(func() { b.rpc.Stop(); <-served })
	return b
}

// Accept, Close and Addr make busyEngine the listener of its gRPC server. Accept
// returns the upgraded connections.
func (b *busyEngine) Accept() (net.Conn, error) {
	conn, open := <-b.conns
	if !open {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (b *busyEngine) Close() error { close(b.conns); return nil }

func (b *busyEngine) Addr() net.Addr { return &net.TCPAddr{} }

func (b *busyEngine) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	_, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc"):
		b.rpc.ServeHTTP(rw, r)
	case r.URL.Path == "/grpc" && b.upgrades:
		conn, _, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
		b.conns <- conn
	case r.URL.Path == "/grpc":
		rw.WriteHeader(max(b.code, http.StatusNotFound))
	case path == "containers/json":
		b.mu.Lock()
		defer b.mu.Unlock()
		list := []map[string]any{}
		for _, name := range b.containers {
			list = append(list, map[string]any{"Id": name, "Names": []string{"/" + name, "/" + name + "/alias"}, "Image": "busybox:1.37", "Created": started.Unix()})
		}
		rw.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(rw).Encode(list)
	case path == "events":
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(http.StatusOK)
		changes := b.listen(&b.containerListeners)
		_ = http.NewResponseController(rw).Flush()
		for {
			select {
			case <-changes:
				_, _ = fmt.Fprintln(rw, `{"Type":"container","Action":"die"}`)
				_ = http.NewResponseController(rw).Flush()
			case <-r.Context().Done():
				return
			}
		}
	default:
		b.engine.ServeHTTP(rw, r)
	}
}

func (b *busyEngine) ListenBuildHistory(request *controlapi.BuildHistoryRequest, stream controlapi.Control_ListenBuildHistoryServer) error {
	if b.noHistory {
		return status.Error(codes.Unimplemented, "unknown method ListenBuildHistory")
	}
	changes := b.listen(&b.buildListeners)
	if err := stream.SendHeader(metadata.MD{}); err != nil {
		return err
	}
	if !request.ActiveOnly {
		return status.Error(codes.InvalidArgument, "the request is not limited to active builds")
	}
	b.mu.Lock()
	builds := b.builds
	b.mu.Unlock()
	for _, ref := range builds {
		if err := stream.Send(&controlapi.BuildHistoryEvent{Record: &controlapi.BuildHistoryRecord{Ref: ref}}); err != nil {
			return err
		}
	}
	for !request.EarlyExit {
		select {
		case <-changes:
			if err := stream.Send(&controlapi.BuildHistoryEvent{Type: controlapi.BuildHistoryEventType_COMPLETE}); err != nil {
				return err
			}
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
	return nil
}

func (b *busyEngine) listen(listeners *[]chan struct{}) chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	changes := make(chan struct{}, 8)
	*listeners = append(*listeners, changes)
	return changes
}

// setRunning changes the running builds and containers, and notifies listeners.
func (b *busyEngine) setRunning(builds, containers []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var listeners []chan struct{}
	if len(builds) != len(b.builds) {
		listeners = append(listeners, b.buildListeners...)
	}
	if len(containers) != len(b.containers) {
		listeners = append(listeners, b.containerListeners...)
	}
	b.builds, b.containers = builds, containers
	for _, listener := range listeners {
		listener <- struct{}{}
	}
}

// started is when the containers of a busyEngine were created.
var started = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

// running returns containers of a busyEngine.
func running(names ...string) []Leftover {
	list := []Leftover{}
	for _, name := range names {
		list = append(list, Leftover{Name: name, Image: "busybox:1.37", Created: started})
	}
	return list
}

func TestActivity(t *testing.T) {
	busy := func(b *busyEngine) *busyEngine {
		b.builds, b.containers = []string{"one", "two"}, []string{"test", "buildx_buildkit_mine0", "my_buildx_buildkit_"}
		return b
	}
	tests := map[string]struct {
		engine *busyEngine
		want   Activity
	}{
		"idle":                             {&busyEngine{engine: engine{min: "1.24", max: "1.45"}, upgrades: true}, Activity{Containers: running()}},
		"upgrade":                          {busy(&busyEngine{engine: engine{min: "1.24", max: "1.45"}, upgrades: true}), Activity{Builds: 2, Containers: running("my_buildx_buildkit_", "test")}},
		"new engine without /grpc":         {busy(&busyEngine{engine: engine{min: "1.40", max: "1.56"}}), Activity{Builds: 2, Containers: running("my_buildx_buildkit_", "test")}},
		"old engine without /grpc":         {busy(&busyEngine{engine: engine{min: "1.12", max: "1.40"}}), Activity{BuildsUnknown: true, Containers: running("my_buildx_buildkit_", "test")}},
		"BuildKit without a build history": {busy(&busyEngine{engine: engine{min: "1.12", max: "1.42"}, upgrades: true, noHistory: true}), Activity{BuildsUnknown: true, Containers: running("my_buildx_buildkit_", "test")}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := connect(t, serveH2C(t, newBusyEngine(t, test.engine)))
			got, err := e.Activity(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if want := name == "idle"; got.Idle() != want {
				t.Errorf("Idle() = %v, want %v", got.Idle(), want)
			}
		})
	}
}

// serveH2C serves HTTP/1 and unencrypted HTTP/2 on one port, like the daemon.
func serveH2C(t *testing.T, h http.Handler) Dial {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return to(s.Listener.Addr())
}

func TestActivityOverTLS(t *testing.T) {
	for name, upgrades := range map[string]bool{"upgrade": true, "HTTP/2 from the start": false} {
		t.Run(name, func(t *testing.T) {
			b := newBusyEngine(t, &busyEngine{engine: engine{min: "1.40", max: "1.56"}, upgrades: upgrades, builds: []string{"one"}})
			s := httptest.NewUnstartedServer(b)
			s.EnableHTTP2 = true
			s.StartTLS()
			t.Cleanup(s.Close)
			config := s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
			config.ServerName = "example.com"
			config.NextProtos = nil
			e := connect(t, to(s.Listener.Addr()), WithTLS(config))
			got, err := e.Activity(t.Context())
			if err != nil || got.Builds != 1 {
				t.Errorf("got %+v, %v, want one build", got, err)
			}
		})
	}
}

func TestAwaitIdleReportsEveryChange(t *testing.T) {
	for name, history := range map[string]bool{"builds and containers": true, "containers only": false} {
		t.Run(name, func(t *testing.T) {
			b := newBusyEngine(t, &busyEngine{engine: engine{min: "1.24", max: "1.45"}, upgrades: true, noHistory: !history})
			b.builds, b.containers = []string{"one"}, []string{"test"}
			e := connect(t, serve(t, b))
			var reports []Activity
			calls := 0
			// Shorter than resync, so that only subscriptions can report changes.
			ctx, cancel := context.WithTimeout(t.Context(), resync/2)
			defer cancel()
			next := [][2][]string{{nil, {"test"}}, {nil, nil}}
			if !history {
				next = next[1:]
			}
			err := e.AwaitIdle(ctx, func(a Activity) {
				calls++
				if len(reports) == 0 || !cmp.Equal(a, reports[len(reports)-1]) {
					reports = append(reports, a)
				}
				if calls > 1 && len(next) > 0 { // AwaitIdle is subscribed by now
					b.setRunning(next[0][0], next[0][1])
					next = next[1:]
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			want := []Activity{{Builds: 1, Containers: running("test")}, {Containers: running("test")}, {Containers: running()}}
			if !history {
				want = []Activity{{BuildsUnknown: true, Containers: running("test")}, {BuildsUnknown: true, Containers: running()}}
			}
			if diff := cmp.Diff(want, reports); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAwaitIdleFails(t *testing.T) {
	// AwaitIdle is subscribed from the second report on.
	onSecond := func(act func()) func(Activity) {
		reports := 0
		return func(Activity) {
			if reports++; reports == 2 {
				act()
			}
		}
	}
	start := func(t *testing.T) (*busyEngine, *Engine, *httptest.Server) {
		b := newBusyEngine(t, &busyEngine{engine: engine{min: "1.24", max: "1.45"}, upgrades: true, containers: []string{"test"}})
		s := httptest.NewServer(b)
		t.Cleanup(s.Close)
		return b, connect(t, to(s.Listener.Addr())), s
	}
	t.Run("context canceled", func(t *testing.T) {
		_, e, _ := start(t)
		ctx, cancel := context.WithCancel(t.Context())
		err := e.AwaitIdle(ctx, func(Activity) { cancel() })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
	})
	t.Run("daemon connections closed", func(t *testing.T) {
		_, e, s := start(t)
		err := e.AwaitIdle(t.Context(), onSecond(s.CloseClientConnections))
		var unreachable *UnreachableError
		if !errors.As(err, &unreachable) {
			t.Errorf("got %v (%T), want *UnreachableError", err, err)
		}
	})
	t.Run("build history closed", func(t *testing.T) {
		b, e, _ := start(t)
		err := e.AwaitIdle(t.Context(), onSecond(b.rpc.Stop))
		var unreachable *UnreachableError
		if !errors.As(err, &unreachable) {
			t.Errorf("got %v (%T), want *UnreachableError", err, err)
		}
	})
}

func TestActivityFails(t *testing.T) {
	t.Run("error response", func(t *testing.T) {
		e := connect(t, serve(t, newBusyEngine(t, &busyEngine{engine: engine{min: "1.24", max: "1.45"}, code: http.StatusServiceUnavailable})))
		_, err := e.Activity(t.Context())
		if err == nil || !strings.Contains(err.Error(), "503 Service Unavailable") {
			t.Errorf("got %v, want 503 Service Unavailable", err)
		}
	})
	t.Run("server without TLS", func(t *testing.T) {
		e := &Engine{link: &link{dial: serve(t, http.NotFoundHandler())}, tls: &tls.Config{ServerName: "x"}}
		_, err := e.Activity(t.Context())
		if err == nil {
			t.Error("no error")
		}
	})
}
