package cluster

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

// openWatch starts a watch, as the Watch methods of client-go's clients do.
type openWatch func(context.Context, metav1.ListOptions) (watch.Interface, error)

// observation is one thing that a stream learnt.
type observation struct {
	source string
	// object as it is now, or as it last was when deleted is set.
	object  runtime.Object
	deleted bool
	// restarted says that what was known from this source may be out of date:
	// its state follows anew. err is why, nil where the server ended the watch
	// in good order.
	restarted bool
	// final says that the stream has ended and err will not go away by itself.
	final bool
	err   error
}

// stream reports the state of what open selects, and every change of it, until
// ctx ends or the server refuses for good. It asks for a watch without a
// resource version, which begins with an Added event for each object that
// exists: one request instead of a list and a watch, and no version that could
// be too old. Watches end routinely (the server's own timeout, a restart, a
// proxy); the stream then begins anew.
// See https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-watch
func stream(ctx context.Context, source string, open openWatch, options metav1.ListOptions, out chan<- observation) {
	send := func(o observation) bool {
		o.source = source
		select {
		case out <- o:
			return true
		case <-ctx.Done():
			return false
		}
	}
	pause := backoff()
	for {
		began := time.Now()
		err := follow(ctx, open, options, send)
		if ctx.Err() != nil {
			return
		}
		if err != nil && permanent(err) {
			send(observation{final: true, err: err})
			return
		}
		if !send(observation{restarted: true, err: err}) {
			return
		}
		// A watch that held for a while ended for a reason of its own, and one
		// that ended at once will probably end at once again.
		if time.Since(began) > 5*time.Second || pause.Steps <= 1 {
			pause = backoff()
		}
		select {
		case <-time.After(pause.Step()):
		case <-ctx.Done():
			return
		}
	}
}

// follow runs one watch to its end. nil means that the server closed it.
func follow(ctx context.Context, open openWatch, options metav1.ListOptions, send func(observation) bool) error {
	watcher, err := open(ctx, options)
	if err != nil {
		return err
	}
	defer watcher.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case event, open := <-watcher.ResultChan():
			if !open {
				return nil
			}
			switch event.Type {
			case watch.Added, watch.Modified, watch.Deleted:
				if !send(observation{object: event.Object, deleted: event.Type == watch.Deleted}) {
					return nil
				}
			case watch.Error:
				return apierrors.FromObject(event.Object)
			}
		}
	}
}

// permanent tells whether a watch was refused for a reason that waiting does
// not mend.
func permanent(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) ||
		apierrors.IsBadRequest(err) || apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err)
}

// source is one thing to follow.
type source struct {
	name    string
	open    openWatch
	options metav1.ListOptions
}

// until follows the sources and hands over each observation, one at a time,
// until the handler is done or fails, or ctx ends. The handler may name more
// sources to follow from then on. It returns the handler's error, ctx's error,
// or a *WatchError when the server refuses a watch for good.
func until(ctx context.Context, sources []source, handle func(observation) (more []source, done bool, err error)) error {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	observations := make(chan observation)
	for {
		for _, s := range sources {
			go stream(watching, s.name, s.open, s.options, observations)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case o := <-observations:
			if o.final {
				return &WatchError{Resource: o.source, Err: o.err}
			}
			more, done, err := handle(o)
			if done || err != nil {
				return err
			}
			sources = more
		}
	}
}

// WatchError says that the state of the cluster can no longer be followed.
// Err is the server's answer.
type WatchError struct {
	Resource string
	Err      error
}

func (e *WatchError) Error() string { return fmt.Sprintf("watching %s: %v", e.Resource, e.Err) }

// Unwrap gives the server's answer.
func (e *WatchError) Unwrap() error { return e.Err }
