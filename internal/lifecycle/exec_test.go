package lifecycle

import (
	"net/http"
	"testing"

	"github.com/gorilla/websocket"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
)

// withExec makes the server handle exec requests with serve.
func (w *world) withExec(t *testing.T, serve http.HandlerFunc) {
	t.Helper()
	w.Cluster.Config, w.Cluster.Client = w.Server.WithExec(t, serve)
}

// printsOverSPDY is clustertest.Prints for API servers before 1.30 and proxies that do
// not support websockets.
func printsOverSPDY(out string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if websocket.IsWebSocketUpgrade(r) {
			http.Error(w, "unable to upgrade: no websockets here", http.StatusBadRequest)
			return
		}
		if _, err := httpstream.Handshake(r, w, []string{"v4.channel.k8s.io"}); err != nil {
			return
		}
		streams := make(chan httpstream.Stream, 3)
		conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, _ <-chan struct{}) error {
			streams <- s
			return nil
		})
		if conn == nil {
			return
		}
		defer conn.Close()
		output := map[string]string{"stdout": out, "error": `{"status":"Success"}`}
		for range 3 {
			s := <-streams
			_, _ = s.Write([]byte(output[s.Headers().Get("streamType")]))
			_ = s.Close()
		}
		<-conn.CloseChan()
	}
}
