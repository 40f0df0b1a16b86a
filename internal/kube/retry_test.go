package kube

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	errBusy              = apierrors.NewServiceUnavailable("busy")
	errGone              = apierrors.NewResourceExpired("too old resource version")
	errForbidden         = apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New("no"))
	errRefusedConnection = &url.Error{Op: "Get", URL: "https://10.0.0.1", Err: &net.OpError{
		Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED),
	}}
	errUnknownAuthority = &url.Error{Op: "Get", URL: "https://10.0.0.1", Err: x509.UnknownAuthorityError{}}
	errNoSuchHost       = &url.Error{Op: "Get", URL: "https://nowhere", Err: &net.OpError{
		Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "nowhere", IsNotFound: true},
	}}
)

func TestRetry(t *testing.T) {
	slow := apierrors.NewTooManyRequests("slow", 2)
	tests := []struct {
		name     string
		answers  []error // the last one repeats
		timeout  time.Duration
		want     error
		attempts int
		// least and most are the limits of the duration.
		least, most time.Duration
	}{
		{"immediately", []error{nil}, time.Minute, nil, 1, 0, 0},
		{"refused", []error{errForbidden}, time.Minute, errForbidden, 1, 0, 0},
		{"transient, then no error", []error{errBusy, nil}, time.Minute, nil, 2, 100 * time.Millisecond, 120 * time.Millisecond},
		{"a lost connection, then no error", []error{errRefusedConnection, errRefusedConnection, nil}, time.Minute, nil, 3, 300 * time.Millisecond, 360 * time.Millisecond},
		{"transient, then refused", []error{errBusy, errForbidden}, time.Minute, errForbidden, 2, 100 * time.Millisecond, 120 * time.Millisecond},
		{"always transient", []error{errBusy}, time.Minute, errBusy, 6, 3100 * time.Millisecond, 3720 * time.Millisecond},
		{"the server says when", []error{slow, nil}, time.Minute, nil, 2, 2 * time.Second, 2 * time.Second},
		{"the deadline passes during the pause", []error{slow}, time.Second, slow, 1, time.Second, time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), test.timeout)
				defer cancel()
				attempts, began := 0, time.Now()
				got, err := Retry(ctx, func(context.Context) (int, error) {
					attempts++
					return attempts, test.answers[min(attempts, len(test.answers))-1]
				})
				took := time.Since(began)
				if !errors.Is(err, test.want) || (test.want == nil) != (err == nil) {
					t.Errorf("got error %v, want %v", err, test.want)
				}
				if attempts != test.attempts || got != attempts {
					t.Errorf("%d attempts (result of number %d), want %d", attempts, got, test.attempts)
				}
				if took < test.least || took > test.most {
					t.Errorf("took %s, want %s to %s", took, test.least, test.most)
				}
			})
		})
	}
}

// timeoutError is a connection that took too long.
type timeoutError struct{ error }

func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

func TestTransientAndUnreachable(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	tests := []struct {
		name                   string
		err                    error
		transient, unreachable bool
	}{
		{"too many requests", apierrors.NewTooManyRequests("slow", 1), true, false},
		{"service unavailable", errBusy, true, false},
		{"server timeout", apierrors.NewServerTimeout(pods, "get", 1), true, false},
		{"gateway timeout", apierrors.NewTimeoutError("etcd", 1), true, false},
		{"internal error", apierrors.NewInternalError(errors.New("etcd leader changed")), true, false},
		{"connection refused", errRefusedConnection, true, true},
		{"connection reset", &url.Error{Op: "Get", Err: syscall.ECONNRESET}, true, true},
		{"connection closed", &url.Error{Op: "Get", Err: io.EOF}, true, true},
		{"answer cut off", io.ErrUnexpectedEOF, true, true},
		{"pipe broken", fmt.Errorf("write: %w", syscall.EPIPE), true, true},
		{"connection timed out", &url.Error{Op: "Get", Err: timeoutError{errors.New("i/o timeout")}}, true, true},
		{"no such host", errNoSuchHost, false, true},
		{"unknown authority", errUnknownAuthority, false, true},
		{"forbidden", errForbidden, false, false},
		{"a proxy has no backend", apierrors.NewGenericServerResponse(http.StatusBadGateway, "GET", pods, "", "<html>", 0, true), true, false},
		{"a proxy requires a login", apierrors.NewGenericServerResponse(http.StatusUnauthorized, "GET", pods, "", "<html>", 0, true), false, false},
		{"not found", apierrors.NewNotFound(pods, "x"), false, false},
		{"conflict", apierrors.NewConflict(pods, "x", errors.New("x")), false, false},
		{"cancelled", fmt.Errorf("get: %w", context.Canceled), false, false},
		{"our own deadline", &url.Error{Op: "Get", Err: context.DeadlineExceeded}, false, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := Transient(test.err); got != test.transient {
				t.Errorf("transient: got %v, want %v", got, test.transient)
			}
			wrapped := &ReadError{Ref: Ref{"Pod", "ci", "p"}, Err: test.err}
			if got := Unreachable(wrapped); got != test.unreachable {
				t.Errorf("unreachable: got %v, want %v", got, test.unreachable)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
