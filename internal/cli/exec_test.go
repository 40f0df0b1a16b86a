package cli

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gorilla/websocket"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
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

// withExec has commands in the pod print this; "" forbids them.
func (w *world) withExec(t *testing.T, out string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if out == "" {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"pods \"docker-dind-abc-1\" is forbidden: no exec","reason":"Forbidden","code":403}`))
			return
		}
		upgrader := websocket.Upgrader{Subprotocols: []string{"v5.channel.k8s.io"}}
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		_ = conn.WriteMessage(websocket.BinaryMessage, append([]byte{1}, out...))
		_ = conn.WriteMessage(websocket.BinaryMessage, append([]byte{3}, `{"status":"Success"}`...))
		_ = conn.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""))
	}))
	t.Cleanup(server.Close)
	config := &rest.Config{Host: server.URL}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	w.cluster.Config, w.cluster.Client = config, execClient{w.Clientset, client.CoreV1().RESTClient()}
}

const df = "4096 26214400 20971520 6553600 6225920\n" // 20 GiB of 100, 5 % of the inodes
