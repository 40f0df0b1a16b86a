package lifecycle

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/dindctl/dindctl/internal/apply"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/progress"
	"github.com/dindctl/dindctl/internal/rollout"
)

// wait waits for the pod and the volume, and verifies that the daemon answers, that the
// Service routes to it, and that it has the registries of the options.
func (i Instance) wait(ctx context.Context, found installation, applied []apply.Applied, options dind.Options, outcome *Installation) error {
	prober := &readinessProber{i: i, ctx: ctx}
	defer prober.Reset()
	pod, err := i.waitReady(ctx, found, applied, prober)
	if err != nil {
		return err
	}
	if err := i.waitGrown(ctx, applied); err != nil {
		return err
	}
	var log string
	var verifying errgroup.Group
	verifying.Go(func() error { return i.verifyDaemon(pod, prober, outcome) })
	verifying.Go(func() error {
		log = i.startLog(ctx, pod, applied)
		return nil
	})
	if err := verifying.Wait(); err != nil {
		return err
	}
	if err := i.waitRegistries(ctx, pod, applied, options, outcome); err != nil {
		return err
	}
	i.warnOfLimits(log)
	if options.Metrics {
		i.warnOfMetrics(ctx, prober.probe)
	}
	return nil
}

// waitReady waits for claim and pod together: a claim may bind only once the pod
// exists.
func (i Instance) waitReady(ctx context.Context, found installation, applied []apply.Applied, prober *readinessProber) (*corev1.Pod, error) {
	target := rollout.Target{Claim: found.claim(), EarlierRefusal: rollout.EarlierRefusal(found.deployment()), Container: dind.ContainerName}
	for _, a := range applied {
		switch object := a.Object.(type) {
		case *appsv1.Deployment:
			target.Deployment = object
		case *corev1.PersistentVolumeClaim:
			target.Claim = object
		}
	}
	var pod *corev1.Pod
	err := progress.Step(i.Observer, "Pod", func(update func(string)) (err error) {
		warned := ""
		pod, err = rollout.WaitReady(ctx, i.Cluster, target, func(status rollout.Status) {
			update(status.Now)
			prober.Observe(status)
			// A final cause is the error, and reported as such.
			if cause := status.Cause; cause != nil && !cause.Final && cause.Message != warned {
				warned = cause.Message
				progress.Warn(i.Observer, cause.Message)
			}
		})
		return err
	})
	return pod, err
}

// waitGrown waits for a claim that this run expanded: some drivers expand the file
// system only once a pod has mounted it. Of an earlier expansion that has not come it
// only warns: the daemon runs with the old size.
func (i Instance) waitGrown(ctx context.Context, applied []apply.Applied) error {
	for _, a := range applied {
		claim, is := a.Object.(*corev1.PersistentVolumeClaim)
		if !is || !rollout.Growing(claim) {
			continue
		}
		if !slices.ContainsFunc(a.Fields, grows) {
			cause := rollout.Resize(claim, i.Name, nil, i.Now())
			progress.Warn(i.Observer, cause.Message+" "+cause.Hint)
			return nil
		}
		return progress.Step(i.Observer, "Volume", func(update func(string)) error {
			return rollout.WaitGrown(ctx, i.Cluster, claim, i.Name, update)
		})
	}
	return nil
}

// grows reports whether a change of a claim is a larger request.
func grows(change apply.FieldChange) bool {
	if change.Path != "spec.resources.requests.storage" {
		return false
	}
	before, errBefore := resource.ParseQuantity(fmt.Sprint(change.From))
	after, errAfter := resource.ParseQuantity(fmt.Sprint(change.To))
	return errBefore == nil && errAfter == nil && after.Cmp(before) > 0
}

// verifyDaemon reports what the daemon and the Service answer. The port-forward
// proves the daemon and not the route to it; neither depends on the other.
func (i Instance) verifyDaemon(pod *corev1.Pod, prober *readinessProber, outcome *Installation) error {
	// If the Deployment was ready from the start, nothing has been asked yet.
	prober.Observe(rollout.Status{Pod: pod, Running: true, Answering: true})
	probe := prober.probe
	var verifying errgroup.Group
	step := func(name string, run func(update func(string)) error) {
		verifying.Go(func() error {
			err := progress.Step(i.Observer, name, run)
			if err != nil {
				probe.cancel() // the other answer is not needed any more
			}
			return err
		})
	}
	step("Daemon", func(update func(string)) error {
		update("connecting to the daemon through a port-forward")
		info, err := probe.daemon()
		if err != nil {
			return err
		}
		outcome.Daemon = &info
		update(fmt.Sprintf("Docker Engine %s is responding, storage driver %s", info.Version, info.StorageDriver))
		return nil
	})
	step("Service", func(update func(string)) error {
		update("waiting until it routes to the pod")
		if err := probe.service(); err != nil {
			return err
		}
		update("routes to the pod")
		return nil
	})
	return verifying.Wait()
}
