package lifecycle

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/cluster"
	"github.com/dindctl/dindctl/internal/daemon"
)

// ask connects to the pod's daemon and asks what it is. ready is engine's.
func (i Instance) ask(ctx context.Context, pod *corev1.Pod, ready <-chan struct{}) (daemon.Info, error) {
	var info daemon.Info
	err := i.question(ctx, pod, ready, func(ctx context.Context, engine Engine) (err error) {
		info, err = engine.Info(ctx)
		return err
	})
	return info, err
}

// question puts questions to the pod's daemon over one connection, again where the
// way to it was lost. ready is engine's. Its error is a *DaemonError.
func (i Instance) question(ctx context.Context, pod *corev1.Pod, ready <-chan struct{}, ask func(context.Context, Engine) error) error {
	_, err := cluster.Retry(ctx, lostOnTheWay, func(ctx context.Context) (struct{}, error) {
		engine, err := i.engine(ctx, pod, ready)
		if err != nil {
			return struct{}{}, err
		}
		defer engine.Close()
		return struct{}{}, ask(ctx, engine)
	})
	if err != nil {
		return &DaemonError{Namespace: pod.Namespace, Pod: pod.Name, Err: err}
	}
	return nil
}
