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

// execClient is a fake clientset with a REST client, which exec needs.
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

// WithExec starts a server that handles exec requests with serve. It returns the
// configuration and clientset for them.
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

// StatOutput is the output of stat -f for the daemon's volume: 20 of 100 GiB and 5% of the
// inodes are used.
const StatOutput = "4096 26214400 20971520 6553600 6225920\n"

// Prints returns a handler for exec requests whose command prints out. For the
// protocol see https://pkg.go.dev/k8s.io/apimachinery/pkg/util/remotecommand
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

// Forbids responds to exec requests like an API server without the permission.
func Forbids(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusForbidden)
	pod := path.Base(path.Dir(r.URL.Path)) // …/pods/NAME/exec
	fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"pods \"%s\" is forbidden: no exec","reason":"Forbidden","code":403}`, pod)
}
