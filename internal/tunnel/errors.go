package tunnel

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// ErrLost is why reads and writes fail when the tunnel itself broke: the
// connection to the API server, or the one from there to the node.
var ErrLost = errors.New("the tunnel through the API server was lost")

// OpenError says that no way to the pod could be opened. What the process in
// the pod does played no part in it.
type OpenError struct {
	Namespace, Pod string
	// Err is the reason: an *apierrors.StatusError when the API server
	// refused (so that apierrors.IsForbidden and its kin work on an
	// OpenError), the context's error, or the network's.
	Err error
}

func (e *OpenError) Error() string {
	return fmt.Sprintf("open a tunnel to pod %s/%s: %v", e.Namespace, e.Pod, e.Err)
}

// Unwrap returns the reason.
func (e *OpenError) Unwrap() error { return e.Err }

// RemoteError is the node's report that the connection failed on its side of a
// tunnel that works; most often nothing in the pod listens on the port.
type RemoteError struct {
	// Pod is namespace/name.
	Pod  string
	Port int
	// Message is the report in the node's own words.
	Message string
}

func (e *RemoteError) Error() string {
	message := e.Message
	if e.Refused() {
		message = "connection refused" // the rest is ids and namespaces of the node
	}
	return fmt.Sprintf("connect to port %d in pod %s: %s", e.Port, e.Pod, message)
}

// Refused says that the pod runs and nothing listens on the port, or not yet.
func (e *RemoteError) Refused() bool {
	return strings.Contains(e.Message, "connection refused")
}

// Unwrap returns ECONNREFUSED for a refused connection, as a local dial would.
func (e *RemoteError) Unwrap() error {
	if e.Refused() {
		return syscall.ECONNREFUSED
	}
	return nil
}
