package lifecycle

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/cluster"
	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/progress"
)

// prove asks the daemon and makes sure that the Service leads to it. The
// port-forward proves the daemon and not the way to it; the two do not depend
// on each other.
func (i Instance) prove(ctx context.Context, pod *corev1.Pod, outcome *Installation) error {
	proving, ctx := errgroup.WithContext(ctx)
	proving.Go(func() error {
		return progress.Step(i.Observer, "Daemon", func(update func(string)) error {
			update("asking the daemon through a port-forward")
			info, err := i.ask(ctx, pod)
			if err != nil {
				return err
			}
			outcome.Daemon = &info
			update(fmt.Sprintf("answers as Docker Engine %s, storage driver %s", info.Version, info.StorageDriver))
			return nil
		})
	})
	proving.Go(func() error {
		return progress.Step(i.Observer, "Service", func(update func(string)) error {
			update("waiting for it to lead to the pod")
			if err := i.Cluster.WaitEndpoint(ctx, i.Name, pod); err != nil {
				return err
			}
			update("leads to the pod")
			return nil
		})
	})
	return proving.Wait()
}

// waitReady waits for claim and pod together: a claim may bind only once the
// pod exists.
func (i Instance) waitReady(ctx context.Context, found cluster.Inventory, applied []cluster.Applied) (*corev1.Pod, error) {
	rollout := cluster.Rollout{Claim: found.Claim, EarlierRefusal: cluster.EarlierRefusal(found.Deployment)}
	for _, a := range applied {
		switch object := a.Object.(type) {
		case *appsv1.Deployment:
			rollout.Deployment = object
		case *corev1.PersistentVolumeClaim:
			rollout.Claim = object
		}
	}
	var pod *corev1.Pod
	err := progress.Step(i.Observer, "Pod", func(update func(string)) error {
		var told string
		var err error
		pod, err = i.Cluster.WaitReady(ctx, rollout, func(v cluster.Verdict) {
			update(v.Now)
			// A final one is the error, and told as such.
			if v.Cause != nil && !v.Cause.Final && v.Cause.Message != told {
				told = v.Cause.Message
				progress.Warn(i.Observer, v.Cause.Message)
			}
		})
		return err
	})
	return pod, err
}

// ask connects to the pod's daemon and asks what it is.
func (i Instance) ask(ctx context.Context, pod *corev1.Pod) (daemon.Info, error) {
	var info daemon.Info
	err := i.question(ctx, pod, func(ctx context.Context, engine Engine) (err error) {
		info, err = engine.Info(ctx)
		return err
	})
	return info, err
}

// question puts questions to the pod's daemon over one connection, again where the
// way to it was lost. Its error is a *DaemonError.
func (i Instance) question(ctx context.Context, pod *corev1.Pod, ask func(context.Context, Engine) error) error {
	_, err := cluster.Retry(ctx, lostOnTheWay, func(ctx context.Context) (struct{}, error) {
		engine, err := i.engine(ctx, pod)
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
