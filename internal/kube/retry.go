package kube

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

// Backoff spans about three seconds: long enough for a load balancer to switch
// to another API server, short enough that a wrong address is reported soon.
func Backoff() wait.Backoff {
	return wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 6}
}

// Retry sends an idempotent request again while the failure is Transient.
// client-go repeats only answers that carry Retry-After, and never a refused
// connection. It returns the last error.
func Retry[T any](ctx context.Context, request func(context.Context) (T, error)) (T, error) {
	return RetryIf(ctx, Transient, request)
}

// RetryIf sends a request again, a few times within about three seconds, while
// again reports that the failure may pass. It returns the last error.
func RetryIf[T any](ctx context.Context, again func(error) bool, request func(context.Context) (T, error)) (T, error) {
	pause := Backoff()
	for {
		result, err := request(ctx)
		if err == nil || pause.Steps <= 1 || !again(err) {
			return result, err
		}
		delay := pause.Step()
		if seconds, wanted := apierrors.SuggestsClientDelay(err); wanted {
			delay = max(delay, time.Duration(seconds)*time.Second)
		}
		if Sleep(ctx, delay) != nil {
			return result, err
		}
	}
}

// Sleep waits for the duration, and returns ctx's error if that ends first.
func Sleep(ctx context.Context, duration time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(duration):
		return nil
	}
}

// Transient reports whether the same request may succeed if it is sent again.
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
	// net/http does not export the types of these HTTP/2 errors.
	if text := err.Error(); strings.Contains(text, "stream error: stream ID ") || strings.Contains(text, "http2: server sent GOAWAY") {
		return true
	}
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

// Unserved reports whether err is the answer of an API server, or of a proxy in
// front of it, that cannot serve requests at the moment; the request itself may
// be valid.
func Unserved(err error) bool {
	switch {
	case apierrors.IsTooManyRequests(err), apierrors.IsServerTimeout(err),
		apierrors.IsServiceUnavailable(err), apierrors.IsTimeout(err),
		apierrors.IsInternalError(err):
		return true
	}
	// The plain-text answer of a proxy has no reason, only a code.
	var status apierrors.APIStatus
	return errors.As(err, &status) && status.Status().Code >= 500
}

// Unreachable reports whether no API server answered, or not completely. It is
// false for an answer that refuses the request.
func Unreachable(err error) bool {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return false
	}
	var transport *url.Error
	var network net.Error
	return errors.As(err, &transport) || errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF)
}
