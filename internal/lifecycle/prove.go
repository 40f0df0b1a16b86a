package lifecycle

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/cluster"
	"github.com/dindctl/dindctl/internal/progress"
)

// prove tells what the daemon and the Service have to say. The port-forward proves
// the daemon and not the way to it; the two do not depend on each other.
func (i Instance) prove(pod *corev1.Pod, ahead *ahead, outcome *Installation) error {
	// Where the Deployment was ready from the start, nothing has been asked yet.
	ahead.look(cluster.Verdict{Pod: pod, Running: true, Answering: true})
	var proving errgroup.Group
	step := func(name string, run func(update func(string)) error) {
		proving.Go(func() error {
			err := progress.Step(i.Observer, name, run)
			if err != nil {
				ahead.forget() // the other one is of no use then
			}
			return err
		})
	}
	step("Daemon", func(update func(string)) error {
		update("asking the daemon through a port-forward")
		info, err := ahead.daemon.get()
		if err != nil {
			return err
		}
		outcome.Daemon = &info
		update(fmt.Sprintf("answers as Docker Engine %s, storage driver %s", info.Version, info.StorageDriver))
		return nil
	})
	step("Service", func(update func(string)) error {
		update("waiting for it to lead to the pod")
		if _, err := ahead.service.get(); err != nil {
			return err
		}
		update("leads to the pod")
		return nil
	})
	return proving.Wait()
}

// waitReady waits for claim and pod together: a claim may bind only once the
// pod exists. ahead sees what comes of it.
func (i Instance) waitReady(ctx context.Context, found cluster.Inventory, applied []cluster.Applied, ahead *ahead) (*corev1.Pod, error) {
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
			ahead.look(v)
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
