package cluster

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/wait"
)

// backoff spans about three seconds: long enough for a load balancer to move
// to another API server, short enough that a wrong address is named at once.
func backoff() wait.Backoff {
	return wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 6}
}

// retried sends an idempotent request again while the failure says nothing
// about the request itself. client-go repeats only answers that carry
// Retry-After, and never a refused connection. The last error is returned.
func retried[T any](ctx context.Context, request func(context.Context) (T, error)) (T, error) {
	return Retry(ctx, Transient, request)
}

// Transient tells whether sending the same request again may well succeed.
func Transient(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return Unserved(err)
	}
	if utilnet.IsConnectionRefused(err) || utilnet.IsConnectionReset(err) ||
		utilnet.IsProbableEOF(err) || utilnet.IsHTTP2ConnectionLost(err) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.EPIPE) {
		return true
	}
	// net/http keeps its types for what ends in HTTP/2 to itself.
	if text := err.Error(); strings.Contains(text, "stream error: stream ID ") || strings.Contains(text, "http2: server sent GOAWAY") {
		return true
	}
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

// Unserved tells whether err is the answer of an API server, or of something in
// front of it, that cannot serve requests at the moment; the request itself may
// be in order.
func Unserved(err error) bool {
	switch {
	case apierrors.IsTooManyRequests(err), apierrors.IsServerTimeout(err),
		apierrors.IsServiceUnavailable(err), apierrors.IsTimeout(err),
		apierrors.IsInternalError(err):
		return true
	}
	// What a proxy says in plain text has no reason, only a code.
	var status apierrors.APIStatus
	return errors.As(err, &status) && status.Status().Code >= 500
}

// Retry asks again, a few times within about three seconds, while again says
// that the failure may well pass. The last error is returned.
func Retry[T any](ctx context.Context, again func(error) bool, request func(context.Context) (T, error)) (T, error) {
	pause := backoff()
	for {
		result, err := request(ctx)
		if err == nil || pause.Steps <= 1 || !again(err) {
			return result, err
		}
		delay := pause.Step()
		if seconds, wanted := apierrors.SuggestsClientDelay(err); wanted {
			delay = max(delay, time.Duration(seconds)*time.Second)
		}
		select {
		case <-ctx.Done():
			return result, err
		case <-time.After(delay):
		}
	}
}

// Unreachable tells whether err means that no API server answered, or not to the
// end, as opposed to an answer that refuses the request.
func Unreachable(err error) bool {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return false
	}
	var transport *url.Error
	var network net.Error
	return errors.As(err, &transport) || errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF)
}
