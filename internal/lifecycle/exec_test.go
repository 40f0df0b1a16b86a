package lifecycle

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gorilla/websocket"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
)

// execClient is the fake clientset with a way into pods, which it has not.
type execClient struct {
	*fake.Clientset
	rest rest.Interface
}

func (c execClient) CoreV1() typedcore.CoreV1Interface { return execCore{c.Clientset.CoreV1(), c.rest} }

type execCore struct {
	typedcore.CoreV1Interface
	rest rest.Interface
}

func (c execCore) RESTClient() rest.Interface { return c.rest }

// withExec has the server answer requests to run something in a pod.
func (w *world) withExec(t *testing.T, serve http.HandlerFunc) {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	config := &rest.Config{Host: server.URL}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	w.Cluster.Config, w.Cluster.Client = config, execClient{w.Clientset, client.CoreV1().RESTClient()}
}

// prints runs a command that prints this. See the protocol at
// https://pkg.go.dev/k8s.io/apimachinery/pkg/util/remotecommand
func prints(out string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		upgrader := websocket.Upgrader{Subprotocols: []string{"v5.channel.k8s.io"}}
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		_ = conn.WriteMessage(websocket.BinaryMessage, append([]byte{1}, out...))
		_ = conn.WriteMessage(websocket.BinaryMessage, append([]byte{3}, `{"status":"Success"}`...))
		_ = conn.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""))
	}
}

// printsOverSPDY is prints for API servers before 1.30, and proxies that know
// no websockets.
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
		said := map[string]string{"stdout": out, "error": `{"status":"Success"}`}
		for range 3 {
			s := <-streams
			_, _ = s.Write([]byte(said[s.Headers().Get("streamType")]))
			_ = s.Close()
		}
		<-conn.CloseChan()
	}
}

// forbids answers as the API server does without the permission.
func forbids(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusForbidden)
	_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"pods \"d-abc-1\" is forbidden: no exec","reason":"Forbidden","code":403}`))
}

const df = "4096 26214400 20971520 6553600 6225920\n" // 20 GiB of 100, 5 % of the inodes
