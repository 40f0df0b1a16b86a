package lifecycle

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/cluster"
	"github.com/dindctl/dindctl/internal/daemon"
)

// ahead proves a pod while the cluster still catches up with it: the tunnel to it
// is opened as soon as its container runs, and daemon and Service are asked as
// soon as the pod is ready, which is before its Deployment is known to be. One
// goroutine uses it, and stops it in the end.
type ahead struct {
	i   Instance
	ctx context.Context

	pod     *corev1.Pod // nil as long as none runs
	ready   func()      // says that it is ready; idempotent
	forget  context.CancelFunc
	daemon  future[daemon.Info]
	service future[struct{}]
}

// look starts what can be started, and forgets what was learnt of another pod.
func (a *ahead) look(v cluster.Verdict) {
	if !v.Running {
		return
	}
	if a.pod == nil || a.pod.UID != v.Pod.UID {
		a.stop()
		a.start(v.Pod)
	}
	if v.Answering {
		a.ready()
	}
}

func (a *ahead) start(pod *corev1.Pod) {
	ctx, forget := context.WithCancel(a.ctx)
	ready := make(chan struct{})
	a.pod, a.ready, a.forget = pod, sync.OnceFunc(func() { close(ready) }), forget
	a.daemon = begin(func() (daemon.Info, error) { return a.i.ask(ctx, pod, ready) })
	a.service = begin(func() (none struct{}, err error) {
		select {
		case <-ready:
			return none, a.i.Cluster.WaitEndpoint(ctx, a.i.Name, pod)
		case <-ctx.Done():
			return none, ctx.Err()
		}
	})
}

// stop ends what is under way and waits for its end.
func (a *ahead) stop() {
	if a.pod == nil {
		return
	}
	a.forget()
	<-a.daemon.known
	<-a.service.known
}

// future is what a function will have returned when known is closed.
type future[T any] struct {
	known  chan struct{}
	result *T
	err    *error
}

func begin[T any](f func() (T, error)) future[T] {
	later := future[T]{make(chan struct{}), new(T), new(error)}
	go func() {
		defer close(later.known)
		*later.result, *later.err = f()
	}()
	return later
}

// get waits for the result.
func (f future[T]) get() (T, error) {
	<-f.known
	return *f.result, *f.err
}
