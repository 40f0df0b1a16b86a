package lifecycle

import (
	"context"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/dindctl/dindctl/internal/apply"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/progress"
	"github.com/dindctl/dindctl/internal/rollout"
)

// apply applies the plan and deletes what an earlier installation with other
// options created and this one does not want.
func (i Instance) apply(ctx context.Context, p plan, how InstallOptions, outcome *Installation) (applied []apply.Applied, err error) {
	err = progress.Step(i.Observer, "Objects", func(update func(string)) (err error) {
		if how.CreateNamespace && !p.Empty() {
			created, err := i.Cluster.EnsureNamespace(ctx)
			if err != nil {
				return err
			}
			if created {
				progress.Inform(i.Observer, fmt.Sprintf("namespace %s created", i.Cluster.Namespace))
			}
		}
		unwanted := p.unwanted()
		// Copies go before the Secret that says where they are.
		if err := i.deleteUnwanted(ctx, unwanted.copies, outcome); err != nil {
			return err
		}
		if !how.NoWait {
			p.BeforeLast = i.awaitBinding(p.classes)
		}
		applied, err = p.Apply(ctx, func(a apply.Applied) { i.reportApplied(a, update) })
		outcome.add(i.changes(applied))
		if err != nil {
			return err
		}
		err = i.deleteUnwanted(ctx, unwanted.rest, outcome)
		update(summary(outcome.Objects))
		if err != nil {
			return err
		}
		return i.retryRefused(ctx, p.found.deployment(), applied)
	})
	return applied, err
}

func (i Instance) deleteUnwanted(ctx context.Context, items []kube.Item, outcome *Installation) error {
	gone, err := i.deleteAll(ctx, items)
	outcome.add(i.deletions(gone))
	return err
}

// leftovers are objects of an earlier installation with other options.
type leftovers struct{ copies, rest []kube.Item }

// unwanted returns the leftovers. Only the CronJob, the policy, the PodMonitor and the
// Secrets of TLS ever are; storage is never deleted here, whatever the options say.
func (p plan) unwanted() leftovers {
	var left leftovers
	for _, item := range p.found.objects {
		wanted := slices.ContainsFunc(p.wanted, func(o dind.Object) bool { return apply.RefOf(o) == item.Ref })
		switch {
		case wanted || p.found.notOurs(item.Object) != "":
		case item.Ref.Kind == "Secret" && item.Object.GetLabels()[kube.HomeLabel] != "":
			left.copies = append(left.copies, item)
		case item.Ref.Kind == "CronJob", item.Ref.Kind == "NetworkPolicy", item.Ref.Kind == "Secret", item.Ref.Kind == "PodMonitor":
			left.rest = append(left.rest, item)
		}
	}
	return left
}

// retryRefused makes the controllers immediately create a pod that was refused before,
// if no other change does. By themselves they retry after a pause that grows to a
// quarter of an hour. The Deployment's annotation is copied to its ReplicaSet, and the
// ReplicaSet controller acts on the change.
func (i Instance) retryRefused(ctx context.Context, before *appsv1.Deployment, applied []apply.Applied) error {
	if rollout.EarlierRefusal(before) == nil {
		return nil
	}
	for _, a := range applied {
		if a.Ref.Kind == "Deployment" && a.Change == apply.Unchanged {
			return apply.Annotate(ctx, i.Cluster, i.Name, dind.RetriedAnnotation, i.Now().UTC().Format(time.RFC3339Nano))
		}
	}
	return nil
}
