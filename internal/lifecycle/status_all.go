package lifecycle

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// statusAtOnce is how many installations StatusAll examines at the same time.
const statusAtOnce = 8

// StatusAll examines the installations of all namespaces, sorted by namespace and name,
// as Status does. An installation that cannot be examined is unhealthy. The error is that
// of the list, which needs rights in the whole cluster.
func (i Instance) StatusAll(ctx context.Context) ([]Status, error) {
	found, err := i.Cluster.Installations(ctx, metav1.NamespaceAll)
	if err != nil {
		return nil, err
	}
	all := make([]Status, len(found))
	var examining errgroup.Group
	examining.SetLimit(statusAtOnce)
	for n, one := range found {
		examining.Go(func() error {
			instance := i
			instance.Cluster, instance.Name = i.Cluster.In(one.Namespace), one.Name
			status, _, err := instance.statusOfOne(ctx)
			var removed *NotInstalledError // after it was listed
			if err != nil && !errors.As(err, &removed) {
				status.Problems = append(status.Problems, instance.unknownState(err))
			}
			if removed != nil {
				return nil
			}
			all[n] = status
			return nil
		})
	}
	_ = examining.Wait() // the problems are in the statuses
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	return slices.DeleteFunc(all, func(s Status) bool { return s.Name == "" }), nil
}
