package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/moby/moby/client"
)

// ErrTLSExpected is returned by Connect when the daemon requires TLS and the
// connection does not use it.
var ErrTLSExpected = errors.New("the daemon expects TLS on this port")

// ErrPlainExpected is returned by Connect when the connection uses TLS and the
// daemon does not.
var ErrPlainExpected = errors.New("the daemon does not use TLS on this port")

var (
	errNotEngine  = errors.New("the server is not a Docker Engine: it reports no API version")
	errNoResponse = fmt.Errorf("the connection was closed without a response: %w", io.EOF)
)

// UnreachableError is returned when no Docker Engine responded in time: the dial
// failed, the connection broke, or another server uses the port.
type UnreachableError struct {
	// Doing is the failed operation, such as "connect to the Docker daemon".
	Doing string
	// Err is the cause. It is the error of the Dial if that failed.
	Err error
}

func (e *UnreachableError) Error() string { return e.Doing + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *UnreachableError) Unwrap() error { return e.Err }

// APIVersionError is returned when the daemon and this program have no API
// version in common.
type APIVersionError struct {
	// ClientMin and ClientMax are the versions that this program supports.
	ClientMin, ClientMax string
	// ServerMin and ServerMax are the versions that the daemon supports. Each is
	// empty if unknown.
	ServerMin, ServerMax string
}

func newAPIVersionError(serverMin, serverMax string) *APIVersionError {
	return &APIVersionError{
		ClientMin: client.MinAPIVersion, ClientMax: client.MaxAPIVersion,
		ServerMin: serverMin, ServerMax: serverMax,
	}
}

func (e *APIVersionError) Error() string {
	server := "up to " + e.ServerMax
	switch {
	case e.ServerMin != "" && e.ServerMax != "":
		server = e.ServerMin + " to " + e.ServerMax
	case e.ServerMin != "":
		server = e.ServerMin + " and later"
	}
	return fmt.Sprintf("the Docker daemon supports API versions %s, but this program supports %s to %s",
		server, e.ClientMin, e.ClientMax)
}

// explain converts an error of the API client to a typed error that names the
// failed operation. An error response keeps the daemon's message.
func (e *Engine) explain(ctx context.Context, doing string, err error) error {
	text := err.Error()
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
	case ctx.Err() != nil:
		return &UnreachableError{Doing: doing, Err: ctx.Err()}
	case wantsTLS(err):
		return fmt.Errorf("%s: %w", doing, ErrTLSExpected)
	case errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Errorf("%s: %w", doing, ErrPlainExpected)
	case !isResponse(err):
		return &UnreachableError{Doing: doing, Err: e.cause(err)}
	}
	if _, rest, ok := strings.Cut(text, "is too old. Minimum supported API version is "); ok {
		minimum, _, _ := strings.Cut(rest, ",")
		return newAPIVersionError(minimum, "")
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// wantsTLS reports whether err is the reaction of a TLS server to plain HTTP:
// either an error message, or a TLS alert in place of an HTTP response.
func wantsTLS(err error) bool {
	text := err.Error()
	return strings.Contains(text, "Client sent an HTTP request to an HTTPS server") ||
		strings.Contains(text, `malformed HTTP response "\x15\x03`)
}

// isResponse reports whether err is an HTTP error response. The client does not
// export its type for such errors.
func isResponse(err error) bool {
	text := err.Error()
	return strings.HasPrefix(text, responsePrefix) || strings.HasPrefix(text, "request returned ")
}

// excerpt returns the start of an error response, which may be a whole web page.
func excerpt(err error) string {
	const maxBytes = 120
	text := strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), responsePrefix)), " ")
	if len(text) > maxBytes {
		text = strings.ToValidUTF8(text[:maxBytes], "") + "…"
	}
	return text
}

const responsePrefix = "Error response from daemon: "

// cause returns the network error that the API client wrapped or replaced.
func (e *Engine) cause(err error) error {
	if failed := e.link.failure(); failed != nil {
		return failed
	}
	var urlErr *url.Error
	if errors.As(err, &urlErr) {
		err = urlErr.Err
	}
	if err == io.EOF {
		return errNoResponse
	}
	return err
}
