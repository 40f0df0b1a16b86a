package tunnel

import (
	"context"
	"time"
)

// await runs f, which can't be interrupted, and gives up on it when ctx ends.
// What f returns after that goes to discard.
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

// expired says whether ctx's deadline has passed. Sockets that were given the
// same deadline report it in their own words, and sooner than ctx does.
func expired(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && !time.Now().Before(deadline)
}

// endWith returns a context that ends with either, and with its cause.
func endWith(ctx, other context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(other, func() { cancel(context.Cause(other)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}
