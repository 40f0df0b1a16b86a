package clustertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
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

// WithExec has the server answer requests to run something in a pod, and
// returns what a client needs for them.
func (s *Server) WithExec(t *testing.T, serve http.HandlerFunc) (*rest.Config, kubernetes.Interface) {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	config := &rest.Config{Host: server.URL}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return config, execClient{s.Clientset, client.CoreV1().RESTClient()}
}

// Df is what df says of the daemon's volume: 20 GiB of 100, 5 % of the inodes.
const Df = "4096 26214400 20971520 6553600 6225920\n"

// Prints runs a command that prints this. See the protocol at
// https://pkg.go.dev/k8s.io/apimachinery/pkg/util/remotecommand
func Prints(out string) http.HandlerFunc {
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

// Forbids answers as the API server does without the permission.
func Forbids(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusForbidden)
	pod := path.Base(path.Dir(r.URL.Path)) // …/pods/NAME/exec
	fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"pods \"%s\" is forbidden: no exec","reason":"Forbidden","code":403}`, pod)
}
