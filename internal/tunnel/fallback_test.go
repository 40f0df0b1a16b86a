package tunnel

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
)

// Where a proxy cuts or swallows websockets, SPDY works, and is used from then on.
func TestSPDYWhereWebsocketsDoNotWork(t *testing.T) {
	for name, websocket := range map[string]func(http.ResponseWriter, *http.Request) error{
		"cut": func(w http.ResponseWriter, _ *http.Request) error {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				err = conn.Close()
			}
			return err
		},
		"swallowed": func(w http.ResponseWriter, _ *http.Request) error {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_, _ = io.Copy(io.Discard, conn)
				_ = conn.Close()
			}
			return err
		},
		"upgraded, then swallowed": func(w http.ResponseWriter, r *http.Request) error {
			upgrader := gorilla.Upgrader{Subprotocols: gorilla.Subprotocols(r)}
			conn, err := upgrader.Upgrade(w, r, nil)
			if err == nil {
				_, _ = io.Copy(io.Discard, conn.NetConn())
				_ = conn.Close()
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			port := listen(t, echo)
			var tries atomic.Int32
			server := newAPIServer(t, func(a *apiServer) {
				a.websocket = func(w http.ResponseWriter, r *http.Request) {
					tries.Add(1)
					if err := websocket(w, r); err != nil {
						t.Error(err)
					}
				}
			})
			d := server.dialer(t)
			d.patience = 300 * time.Millisecond
			exchange(t, dial(t, d, port), "first")
			server.cut()
			exchange(t, dial(t, d, port), "second")
			if n := tries.Load(); n != 1 {
				t.Errorf("%d websockets were tried", n)
			}
		})
	}
}

// KUBECTL_PORT_FORWARD_WEBSOCKETS=false tries no websocket.
func TestWithoutWebsocket(t *testing.T) {
	server := newAPIServer(t, nil)
	d := server.dialer(t)
	d.WithoutWebsocket()
	if err := d.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.paths.Range(func(request, _ any) bool {
		if strings.HasPrefix(request.(string), http.MethodGet) {
			t.Errorf("a websocket: %s", request)
		}
		return true
	})
}
