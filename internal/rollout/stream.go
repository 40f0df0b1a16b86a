package rollout

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/dindctl/dindctl/internal/kube"
)

// observation is one thing that was learnt about a source: its whole state, or
// a change of one object.
type observation struct {
	source string
	// complete says that objects are all there are: what is not among them is
	// gone, however that escaped notice.
	complete bool
	objects  []runtime.Object
	// object as it is now, or as it last was when deleted is set; nil with
	// complete.
	object  runtime.Object
	deleted bool
	// err ends the stream: it will not go away by itself.
	err error
}

// source is one thing to follow.
type source struct {
	name string
	// list gives all there is and the version to watch from. Without it, the
	// state of the API server's cache will do: it comes with the watch, at once
	// and perhaps a little old.
	list func(context.Context) (objects []runtime.Object, version string, err error)
	open kube.OpenWatch
	// options select what is followed; their resource version, if there is one,
	// is that of the state which is known already.
	options metav1.ListOptions
}

// anyVersion asks for a watch that begins with the state of the API server's
// cache. A watch without any version would be the freshest, but an API server
// on an etcd without progress notifications answers it only once something of
// that kind has changed. See
// https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-watch
const anyVersion = "0"

// stream reports the state of the source and every change of it until ctx ends
// or the server refuses for good: it lists, watches from the version of the
// list, and lists again when the watch fails or the version has become too old.
// A watch that the server ends in good order (its own time limit, a restart, a
// proxy) goes on where it ended.
func (s source) stream(ctx context.Context, out chan<- observation) {
	send := func(o observation) bool {
		o.source = s.name
		select {
		case out <- o:
			return true
		case <-ctx.Done():
			return false
		}
	}
	options := s.options
	options.AllowWatchBookmarks = true
	known := s.list == nil || options.ResourceVersion != ""
	if s.list == nil {
		options.ResourceVersion = anyVersion
	}
	pause := kube.Backoff()
	for {
		began := time.Now()
		err := func() error {
			if !known {
				objects, version, err := s.list(ctx)
				if err != nil {
					return err
				}
				if !send(observation{complete: true, objects: objects}) {
					return nil
				}
				known, options.ResourceVersion = true, version
			}
			version, err := kube.Follow(ctx, s.open, options, func(object runtime.Object, deleted bool) bool {
				return send(observation{object: object, deleted: deleted})
			})
			if s.list != nil {
				known, options.ResourceVersion = err == nil, version
			}
			return err
		}()
		if ctx.Err() != nil {
			return
		}
		if err != nil && kube.Permanent(err) {
			send(observation{err: err})
			return
		}
		// A watch that held for a while ended for a reason of its own, and one
		// that ended at once will probably end at once again.
		if time.Since(began) > 5*time.Second || pause.Steps <= 1 {
			pause = kube.Backoff()
		}
		if kube.Sleep(ctx, pause.Step()) != nil {
			return
		}
	}
}

// until follows the sources and hands over each observation, one at a time,
// until the handler is done or fails, or ctx ends. The handler may name more
// sources to follow from then on. It returns the handler's error, ctx's error,
// or a *WatchError when the server refuses for good.
func until(ctx context.Context, sources []source, handle func(observation) (more []source, done bool, err error)) error {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	observations := make(chan observation)
	for {
		for _, s := range sources {
			go s.stream(watching, observations)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case o := <-observations:
			if o.err != nil {
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
