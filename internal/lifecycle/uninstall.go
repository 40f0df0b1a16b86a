package lifecycle

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/human"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/progress"
)

// Uninstallation is the result of Remove.
type Uninstallation struct {
	Name      string            `json:"name"`
	Namespace string            `json:"namespace"`
	Removed   []UninstallObject `json:"removed"`
	Kept      []UninstallObject `json:"kept"`
}

// UninstallObject is an object that was deleted, or would be, or that is kept.
type UninstallObject struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Namespace is set for Secrets in another namespace than the installation's.
	Namespace string `json:"namespace,omitempty"`
	// Reason is why an object is kept.
	Reason string `json:"reason,omitempty"`
}

func (u *Uninstallation) object(ref kube.Ref, reason string) UninstallObject {
	object := UninstallObject{Kind: ref.Kind, Name: ref.Name, Reason: reason}
	if ref.Namespace != u.Namespace {
		object.Namespace = ref.Namespace
	}
	return object
}

// The stages of a removal, in order. The Deployment shows that there are Secrets, and
// one of those lists the copies: in this order, an interrupted removal can find the
// rest. The policy protects the daemon's port until the Deployment's pods are gone. A
// claim that a pod still mounts is only marked, so storage is deleted after the pods,
// and each kind after those that refer to it.
const (
	stageCopies = iota
	stageSecrets
	stageObjects
	stagePolicy
	stageJobs
	stageClaim
	stageVolume
	stageClass
	stages
)

// Remove deletes the planned objects and returns when they are gone. The
// Uninstallation holds what was deleted also if an error is returned, which joins a
// *kube.DeleteError for each object that remains; running it again resumes.
func (i Instance) Remove(ctx context.Context, r Removal) (Uninstallation, error) {
	outcome := r.Outcome()
	outcome.Removed = []UninstallObject{}
	for _, replica := range r.replicas {
		removed, err := i.named(replica.outcome.Name).Remove(ctx, replica)
		outcome.Removed = append(outcome.Removed, removed.Removed...)
		if err != nil {
			return outcome, err
		}
	}
	steps := [stages]string{"Copies", "Secrets", "Objects", "Policy", "Jobs", "Storage", "Storage", "Storage"}
	for stage, items := range r.items {
		if stage == stageJobs {
			items = i.leftoverJobs(ctx)
		}
		if len(items) == 0 {
			continue
		}
		err := progress.Step(i.Observer, steps[stage], func(update func(string)) error {
			update(fmt.Sprintf("removing %d", len(items)) + drainNote(items))
			gone, err := i.deleteAll(ctx, items)
			for _, ref := range gone {
				outcome.Removed = append(outcome.Removed, outcome.object(ref, ""))
			}
			if err == nil {
				update(fmt.Sprintf("%d removed", len(items)))
			}
			return err
		})
		if err != nil {
			return outcome, err
		}
	}
	return outcome, nil
}

// drainNote says why the removal of a daemon may take long; "" if it does not.
func drainNote(items []kube.Item) string {
	for _, item := range items {
		if d, is := item.Object.(*appsv1.Deployment); is {
			if timeout := dind.DrainTimeout(d.Spec.Template.Spec); timeout > 0 {
				return "; the daemon first lets builds, pushes and pulls end, for up to " + human.Duration(timeout)
			}
		}
	}
	return ""
}

// leftoverJobs returns Jobs that were not deleted with a CronJob.
func (i Instance) leftoverJobs(ctx context.Context) []kube.Item {
	items, err := i.Cluster.Jobs(ctx, i.labels())
	if err != nil {
		progress.Warn(i.Observer, "Jobs of the prune may remain: "+err.Error())
		return nil
	}
	return slices.DeleteFunc(items, func(item kube.Item) bool { return kube.InstanceOf(item.Object) != i.Name })
}
