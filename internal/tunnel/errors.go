package tunnel

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// ErrLost is returned by reads and writes when the tunnel breaks, either between
// the client and the API server or between the API server and the node.
var ErrLost = errors.New("the tunnel through the API server was lost")

// OpenError is returned when the tunnel to a pod cannot be opened. It does not
// depend on the process in the pod.
type OpenError struct {
	Namespace, Pod string
	// Err is the cause: an *apierrors.StatusError if the API server refused (so
	// that apierrors.IsForbidden and similar functions accept an OpenError), the
	// context's error, or a network error.
	Err error
}

func (e *OpenError) Error() string {
	return fmt.Sprintf("open a tunnel to pod %s/%s: %v", e.Namespace, e.Pod, e.Err)
}

// Unwrap returns the reason.
func (e *OpenError) Unwrap() error { return e.Err }

// RemoteError is returned when the node reports that it cannot connect to the
// port, usually because nothing in the pod listens on it. The tunnel works.
type RemoteError struct {
	// Pod is namespace/name.
	Pod  string
	Port int
	// Message is the node's message.
	Message string
}

func (e *RemoteError) Error() string {
	message := e.Message
	if e.refused() {
		message = "connection refused" // without the node's IDs
	}
	return fmt.Sprintf("connect to port %d in pod %s: %s", e.Port, e.Pod, message)
}

// refused reports whether the pod runs but nothing listens on the port.
func (e *RemoteError) refused() bool {
	return strings.Contains(e.Message, "connection refused")
}

// Unwrap returns ECONNREFUSED for a refused connection, like a local dial.
func (e *RemoteError) Unwrap() error {
	if e.refused() {
		return syscall.ECONNREFUSED
	}
	return nil
}
