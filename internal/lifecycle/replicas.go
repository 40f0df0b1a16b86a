package lifecycle

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/progress"
)

// replica returns the instance of a replica. Its events have its name.
func (i Instance) replica(n int) Instance { return i.named(dind.ReplicaName(i.Name, n)) }

func (i Instance) named(name string) Instance {
	i.Name = name
	i.Observer = progress.Named(i.Observer, i.Name)
	return i
}

// replicas returns the instances of an installation with this Deployment: itself if it has
// one daemon, or if it is meant alone.
func (i Instance) replicas(deployment *appsv1.Deployment) []Instance {
	options, _ := dind.Remembered(deployment)
	count := options.ReplicaCount()
	if count == 1 || i.Alone {
		return []Instance{i}
	}
	all := make([]Instance, count)
	for n := range all {
		all[n] = i.replica(n)
	}
	return all
}

// EachReplica does the work on each replica of an installation, one after the other, so that
// there is always one that jobs find unburdened. It returns the results in order, and the
// first error after it has tried all.
func EachReplica[T any](ctx context.Context, i Instance, work func(context.Context, Instance) (T, error)) (results []T, err error) {
	replicas := []Instance{i}
	if !i.Alone {
		found, err := i.read(ctx, i.Cluster.Ref("Deployment", i.Name))
		if err != nil {
			return nil, err
		}
		replicas = i.replicas(found.deployment())
	}
	for _, replica := range replicas {
		result, failure := work(ctx, replica)
		results = append(results, result)
		if err == nil {
			err = failure
		}
		if ctx.Err() != nil {
			break
		}
	}
	return results, err
}

// installReplicas installs each replica, one after the other, so that only one restarts at
// a time. It first stops those that there are to be no longer, because the first replica
// has the number of them: their claims stay.
func (i Instance) installReplicas(ctx context.Context, options dind.Options, how InstallOptions) (Installation, error) {
	count := options.ReplicaCount()
	surplus, err := i.surplusReplicas(ctx, count)
	if err != nil {
		return Installation{}, err
	}
	first := i
	if count > 1 {
		first = i.replica(0)
	}
	if len(surplus) > 0 {
		// What cannot be installed must not stop a replica.
		if _, err := first.plan(ctx, options, how); err != nil {
			return Installation{}, err
		}
	}
	var stopped []ObjectChange
	for _, replica := range surplus {
		changes, err := replica.stop(ctx, how.DryRun)
		if err != nil {
			return Installation{}, err
		}
		stopped = append(stopped, changes...)
	}
	outcome, err := first.installOne(ctx, options, how)
	for n := 1; n < count && err == nil; n++ {
		var one Installation
		one, err = i.replica(n).installOne(ctx, options.Replica(n), how)
		outcome.Replicas = append(outcome.Replicas, one)
		outcome.DurationSeconds += one.DurationSeconds
	}
	outcome.add(stopped)
	return outcome, err
}

// surplusReplicas returns the replicas beyond the count, last first. The error is a
// dind.OptionErrors if another installation has the name of a replica.
func (i Instance) surplusReplicas(ctx context.Context, count int) (surplus []Instance, err error) {
	var refs []kube.Ref
	for n := 1; n < dind.MaxReplicas; n++ {
		refs = append(refs, i.Cluster.Ref("Deployment", dind.ReplicaName(i.Name, n)))
	}
	found, err := i.read(ctx, refs...)
	if err != nil {
		return nil, err
	}
	for n := dind.MaxReplicas - 1; n > 0; n-- {
		deployment := objectOf[appsv1.Deployment](found, "Deployment", dind.ReplicaName(i.Name, n))
		switch of := dind.ReplicaOf(deployment); {
		case deployment == nil:
		case n < count && of != i.Name:
			return nil, dind.ReplicaNameTaken(deployment.Name)
		case n >= count && of == i.Name:
			surplus = append(surplus, i.replica(n))
		}
	}
	return surplus, nil
}

// stop removes a replica, and keeps its claim: with more replicas later, its cache is warm.
func (i Instance) stop(ctx context.Context, dryRun bool) ([]ObjectChange, error) {
	removal, err := i.planRemovalOfOne(ctx, false)
	if err == nil && !dryRun {
		removal.outcome, err = i.Remove(ctx, removal)
	}
	var changes []ObjectChange
	for _, object := range removal.outcome.Removed {
		changes = append(changes, ObjectChange{Kind: object.Kind, Name: object.Name, Change: changeDeleted})
	}
	if err == nil {
		progress.Inform(i.Observer, "stays on claim "+dind.ClaimName(i.Name)+": its cache is there when it is a replica again")
	}
	return changes, err
}
