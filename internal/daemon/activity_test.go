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

	"github.com/google/go-cmp/cmp"
	controlapi "github.com/moby/buildkit/api/services/control"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// worker is an engine that builds and runs containers: it answers as engine
// does, and beyond that says what runs and what changes.
type worker struct {
	engine
	controlapi.UnimplementedControlServer
	// upgrades says whether it has /grpc; noHistory that it keeps none.
	upgrades, noHistory bool
	code                int // what /grpc answers with otherwise; 404 by default

	rpc   *grpc.Server
	conns chan net.Conn

	mu         sync.Mutex
	builds     []string
	containers []string
	// What listens for changes of the one or of the other.
	ofBuilds, ofContainers []chan struct{}
}

func newWorker(t *testing.T, w *worker) *worker {
	t.Helper()
	w.rpc, w.conns = grpc.NewServer(), make(chan net.Conn)
	controlapi.RegisterControlServer(w.rpc, w)
	served := make(chan struct{})
	go func() { defer close(served); _ = w.rpc.Serve(w) }()
	t.Cleanup(func() { w.rpc.Stop(); <-served })
	return w
}

// Accept, Close and Addr make it the listener of its own gRPC server, which
// gets the connections that were upgraded.
func (w *worker) Accept() (net.Conn, error) {
	conn, open := <-w.conns
	if !open {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (w *worker) Close() error { close(w.conns); return nil }

func (w *worker) Addr() net.Addr { return &net.TCPAddr{} }

func (w *worker) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	_, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc"):
		w.rpc.ServeHTTP(rw, r)
	case r.URL.Path == "/grpc" && w.upgrades:
		conn, _, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
		w.conns <- conn
	case r.URL.Path == "/grpc":
		rw.WriteHeader(max(w.code, http.StatusNotFound))
	case path == "containers/json":
		w.mu.Lock()
		defer w.mu.Unlock()
		list := []map[string]any{}
		for _, name := range w.containers {
			list = append(list, map[string]any{"Id": name, "Names": []string{"/" + name}})
		}
		rw.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(rw).Encode(list)
	case path == "events":
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(http.StatusOK)
		changes := w.listen(&w.ofContainers)
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
		w.engine.ServeHTTP(rw, r)
	}
}

func (w *worker) ListenBuildHistory(request *controlapi.BuildHistoryRequest, stream controlapi.Control_ListenBuildHistoryServer) error {
	if w.noHistory {
		return status.Error(codes.Unimplemented, "unknown method ListenBuildHistory")
	}
	changes := w.listen(&w.ofBuilds)
	if err := stream.SendHeader(metadata.MD{}); err != nil {
		return err
	}
	if !request.ActiveOnly {
		return status.Error(codes.InvalidArgument, "every build there ever was is not asked for")
	}
	w.mu.Lock()
	builds := w.builds
	w.mu.Unlock()
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

func (w *worker) listen(listeners *[]chan struct{}) chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	changes := make(chan struct{}, 8)
	*listeners = append(*listeners, changes)
	return changes
}

// become changes what runs, and tells whoever listens for that.
func (w *worker) become(builds, containers []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var listeners []chan struct{}
	if len(builds) != len(w.builds) {
		listeners = append(listeners, w.ofBuilds...)
	}
	if len(containers) != len(w.containers) {
		listeners = append(listeners, w.ofContainers...)
	}
	w.builds, w.containers = builds, containers
	for _, listener := range listeners {
		listener <- struct{}{}
	}
}

func TestActivity(t *testing.T) {
	busy := func(w *worker) *worker {
		w.builds, w.containers = []string{"one", "two"}, []string{"test", "buildx_buildkit_mine0", "my_buildx_buildkit_"}
		return w
	}
	tests := map[string]struct {
		worker *worker
		want   Activity
	}{
		"nothing runs":                    {&worker{engine: engine{min: "1.24", max: "1.45"}, upgrades: true}, Activity{}},
		"by an upgrade":                   {busy(&worker{engine: engine{min: "1.24", max: "1.45"}, upgrades: true}), Activity{Builds: 2, Containers: 2}},
		"the newest, which has no /grpc":  {busy(&worker{engine: engine{min: "1.40", max: "1.56"}}), Activity{Builds: 2, Containers: 2}},
		"an old one, which has no /grpc":  {busy(&worker{engine: engine{min: "1.12", max: "1.40"}}), Activity{BuildsUnknown: true, Containers: 2}},
		"a BuildKit that keeps no record": {busy(&worker{engine: engine{min: "1.12", max: "1.42"}, upgrades: true, noHistory: true}), Activity{BuildsUnknown: true, Containers: 2}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := connect(t, serveH2C(t, newWorker(t, test.worker)))
			got, err := e.Activity(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if idle := name == "nothing runs"; got.Idle() != idle {
				t.Errorf("idle: %v", got.Idle())
			}
		})
	}
}

// serveH2C serves HTTP/1 and, from the start, HTTP/2 on one port, as the daemon does.
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
	for name, upgrades := range map[string]bool{"by an upgrade": true, "by HTTP/2 from the start": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorker(t, &worker{engine: engine{min: "1.40", max: "1.56"}, upgrades: upgrades, builds: []string{"one"}})
			s := httptest.NewUnstartedServer(w)
			s.EnableHTTP2 = true
			s.StartTLS()
			t.Cleanup(s.Close)
			config := s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
			config.ServerName = "example.com"
			config.NextProtos = nil
			e := connect(t, to(s.Listener.Addr()), WithTLS(config))
			got, err := e.Activity(t.Context())
			if err != nil || got.Builds != 1 {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestAwaitIdleHearsOfEveryEnd(t *testing.T) {
	for name, history := range map[string]bool{"builds and containers": true, "containers alone": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorker(t, &worker{engine: engine{min: "1.24", max: "1.45"}, upgrades: true, noHistory: !history})
			w.builds, w.containers = []string{"one"}, []string{"test"}
			e := connect(t, serve(t, w))
			var reports []Activity
			calls := 0
			// Less than the resync: the wait has to hear of each change.
			ctx, cancel := context.WithTimeout(t.Context(), resync/2)
			defer cancel()
			next := [][2][]string{{nil, {"test"}}, {nil, nil}}
			if !history {
				next = next[1:]
			}
			err := e.AwaitIdle(ctx, func(a Activity) {
				calls++
				if len(reports) == 0 || a != reports[len(reports)-1] {
					reports = append(reports, a)
				}
				if calls > 1 && len(next) > 0 { // it listens by now
					w.become(next[0][0], next[0][1])
					next = next[1:]
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			want := []Activity{{Builds: 1, Containers: 1}, {Containers: 1}, {}}
			if !history {
				want = []Activity{{BuildsUnknown: true, Containers: 1}, {BuildsUnknown: true}}
			}
			if diff := cmp.Diff(want, reports); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAwaitIdleEnds(t *testing.T) {
	// From the second report on, it listens.
	onSecond := func(act func()) func(Activity) {
		reports := 0
		return func(Activity) {
			if reports++; reports == 2 {
				act()
			}
		}
	}
	start := func(t *testing.T) (*worker, *Engine, *httptest.Server) {
		w := newWorker(t, &worker{engine: engine{min: "1.24", max: "1.45"}, upgrades: true, containers: []string{"test"}})
		s := httptest.NewServer(w)
		t.Cleanup(s.Close)
		return w, connect(t, to(s.Listener.Addr())), s
	}
	t.Run("with its context", func(t *testing.T) {
		_, e, _ := start(t)
		ctx, cancel := context.WithCancel(t.Context())
		err := e.AwaitIdle(ctx, func(Activity) { cancel() })
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	t.Run("with the daemon", func(t *testing.T) {
		_, e, s := start(t)
		err := e.AwaitIdle(t.Context(), onSecond(s.CloseClientConnections))
		var unreachable *UnreachableError
		if !errors.As(err, &unreachable) {
			t.Errorf("%T %v", err, err)
		}
	})
	t.Run("with its builds", func(t *testing.T) {
		w, e, _ := start(t)
		err := e.AwaitIdle(t.Context(), onSecond(w.rpc.Stop))
		var unreachable *UnreachableError
		if !errors.As(err, &unreachable) {
			t.Errorf("%T %v", err, err)
		}
	})
}

func TestActivityFails(t *testing.T) {
	t.Run("in the daemon's words", func(t *testing.T) {
		e := connect(t, serve(t, newWorker(t, &worker{engine: engine{min: "1.24", max: "1.45"}, code: http.StatusServiceUnavailable})))
		_, err := e.Activity(t.Context())
		if err == nil || !strings.Contains(err.Error(), "503 Service Unavailable") {
			t.Error(err)
		}
	})
	t.Run("for want of TLS", func(t *testing.T) {
		e := &Engine{link: &link{dial: serve(t, http.NotFoundHandler())}, tls: &tls.Config{ServerName: "x"}}
		_, err := e.Activity(t.Context())
		if err == nil {
			t.Error("no error")
		}
	})
}
