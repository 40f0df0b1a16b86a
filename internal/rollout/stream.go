package rollout

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/dindctl/dindctl/internal/kube"
)

// observation is a report of a source: its whole state, or a change of one object.
type observation struct {
	source string
	// complete is set if objects are all that exist: any other object is gone, even
	// if the watch did not report it.
	complete bool
	objects  []runtime.Object
	// object is the current object, or its last state if deleted is set; nil if
	// complete is set.
	object  runtime.Object
	deleted bool
	// err ends the stream; a retry would not help.
	err error
}

// source is one set of objects to follow.
type source struct {
	name string
	// list returns all objects and the version to watch from. Without it, the
	// watch begins with the state of the API server's cache, which may be a little
	// old.
	list func(context.Context) (objects []runtime.Object, version string, err error)
	open kube.OpenWatch
	// options select the objects; their resource version, if there is one, is that
	// of the state that is already known.
	options metav1.ListOptions
}

// anyVersion makes a watch begin with the state of the API server's cache. A watch
// without a version would begin with the newest state, but an API server on an
// etcd without progress notifications answers it only after something of that
// kind has changed. See
// https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-watch
const anyVersion = "0"

// stream reports the state of the source and each change, until ctx ends or the
// server refuses permanently. It lists, watches from the version of the list, and
// lists again if the watch fails or the version is too old. After a watch that the
// server ended normally (its time limit, a restart, a proxy), the next one
// continues from there.
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
		// The pauses grow only for watches that end immediately: the next one
		// probably ends immediately too.
		if time.Since(began) > 5*time.Second || pause.Steps <= 1 {
			pause = kube.Backoff()
		}
		if kube.Sleep(ctx, pause.Step()) != nil {
			return
		}
	}
}

// until follows the sources and calls handle with each observation, one at a time,
// until handle is done or fails, or ctx ends. handle may return more sources to
// follow. The error is handle's, ctx's, or a *WatchError if the server refuses
// permanently.
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

// WatchError is returned if the state of the cluster cannot be followed any
// longer. Err is the API server's answer.
type WatchError struct {
	Resource string
	Err      error
}

func (e *WatchError) Error() string { return fmt.Sprintf("watching %s: %v", e.Resource, e.Err) }

// Unwrap returns the API server's answer.
func (e *WatchError) Unwrap() error { return e.Err }
