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

// ErrTLSExpected is what Connect fails with when the daemon's port wants TLS
// and was not offered it.
var ErrTLSExpected = errors.New("the daemon expects TLS on this port")

// ErrPlainExpected is what Connect fails with when the daemon's port was
// offered TLS and does not speak it.
var ErrPlainExpected = errors.New("the daemon speaks no TLS on this port")

var (
	errNotEngine = errors.New("what answered is not a Docker Engine: it names no API version")
	errNoAnswer  = fmt.Errorf("the connection was closed without an answer: %w", io.EOF)
)

// UnreachableError says that no Docker Engine answered, or not in time: the
// dial failed, the connection broke, or something else speaks on the port.
type UnreachableError struct {
	// Doing is what was being done, as in "connect to the Docker daemon".
	Doing string
	// Err is the reason; the dial's own error where that is what failed.
	Err error
}

func (e *UnreachableError) Error() string { return e.Doing + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *UnreachableError) Unwrap() error { return e.Err }

// APIVersionError says that the daemon and this program have no API version in
// common.
type APIVersionError struct {
	// ClientMin and ClientMax are what this program speaks.
	ClientMin, ClientMax string
	// ServerMin and ServerMax are what the daemon speaks; empty if unknown.
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
	return fmt.Sprintf("the Docker daemon speaks API versions %s, and this program %s to %s",
		server, e.ClientMin, e.ClientMax)
}

// explain types an error of the API client, and says what was being done. An
// error that the daemon itself answered with keeps the daemon's words.
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
	case !answered(err):
		return &UnreachableError{Doing: doing, Err: e.reason(err)}
	}
	if _, rest, ok := strings.Cut(text, "is too old. Minimum supported API version is "); ok {
		minimum, _, _ := strings.Cut(rest, ",")
		return newAPIVersionError(minimum, "")
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// wantsTLS says whether err is how a TLS server takes a request in plain HTTP: an
// answer in words, or a TLS alert where an HTTP answer should be.
func wantsTLS(err error) bool {
	text := err.Error()
	return strings.Contains(text, "Client sent an HTTP request to an HTTPS server") ||
		strings.Contains(text, `malformed HTTP response "\x15\x03`)
}

// answered says whether err is an HTTP answer, and not the lack of one. The
// client's type for such errors is not exported.
func answered(err error) bool {
	text := err.Error()
	return strings.HasPrefix(text, answerPrefix) || strings.HasPrefix(text, "request returned ")
}

// gist returns the start of an answer that may be a whole page.
func gist(err error) string {
	const enough = 120
	text := strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), answerPrefix)), " ")
	if len(text) > enough {
		text = strings.ToValidUTF8(text[:enough], "") + "…"
	}
	return text
}

const answerPrefix = "Error response from daemon: "

// reason finds what went wrong on the way, below the client's own words.
func (e *Engine) reason(err error) error {
	if failed := e.link.failure(); failed != nil {
		return failed
	}
	var at *url.Error
	if errors.As(err, &at) {
		err = at.Err
	}
	if err == io.EOF {
		return errNoAnswer
	}
	return err
}
