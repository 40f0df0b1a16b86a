package tunnel

import (
	"context"
	"time"
)

// await calls f, which cannot be interrupted, and returns early if ctx ends. In
// that case it passes a later result of f to discard.
func await[T any](ctx context.Context, f func() (T, error), discard func(T)) (T, error) {
	type result struct {
		value T
		err   error
	}
	results := make(chan result)
	abandoned := make(chan struct{})
	defer close(abandoned)
	go func() {
		value, err := f()
		select {
		case results <- result{value, err}:
		case <-abandoned:
			if err == nil {
				discard(value)
			}
		}
	}()
	var none T
	select {
	case r := <-results:
		if r.err != nil && expired(ctx) {
			return none, context.DeadlineExceeded
		}
		return r.value, r.err
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}

// expired reports whether ctx's deadline has passed. Sockets with the same
// deadline may return their own error before ctx is done.
func expired(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && !time.Now().Before(deadline)
}

// endWith returns a copy of ctx that also ends when other ends, with its cause.
func endWith(ctx, other context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(other, func() { cancel(context.Cause(other)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}
