package lifecycle

import (
	"context"
	"errors"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
)

// Removal is the plan of an uninstall: the objects to delete, by stage.
type Removal struct {
	outcome Uninstallation
	items   [stages][]kube.Item
	// replicas are the removals of the other replicas, which come first.
	replicas   []Removal
	deployment *appsv1.Deployment
}

// Outcome returns what the removal would do.
func (r Removal) Outcome() Uninstallation {
	outcome := r.outcome
	for _, replica := range slices.Backward(r.replicas) {
		outcome.Removed = slices.Concat(replica.outcome.Removed, outcome.Removed)
		outcome.Kept = slices.Concat(replica.outcome.Kept, outcome.Kept)
	}
	return outcome
}

// DeletesData reports whether the removal would delete the cache.
func (r Removal) DeletesData() bool {
	return slices.ContainsFunc(r.replicas, Removal.DeletesData) || len(r.items[stageClaim])+len(r.items[stageVolume])+len(r.items[stageClass]) > 0
}

func (r *Removal) keep(ref kube.Ref, reason string) {
	r.outcome.Kept = append(r.outcome.Kept, r.outcome.object(ref, reason))
}

// PlanRemoval plans an uninstall: it deletes only objects of this installation, and
// storage only with deleteData, and never a claim that something else uses or that was
// given. It changes nothing. The error is a *NotInstalledError if nothing exists, a
// *ClaimError if ending the pod would delete data that has to stay, or what the
// connection returns.
func (i Instance) PlanRemoval(ctx context.Context, deleteData bool) (Removal, error) {
	removal, err := i.planRemovalOfOne(ctx, deleteData)
	if err != nil {
		return removal, err
	}
	others := i.replicas(removal.deployment)[1:]
	slices.Reverse(others)
	if removal.deployment == nil { // which has the number of replicas
		if others, err = i.surplusReplicas(ctx, 1); err != nil {
			return removal, err
		}
	}
	for _, replica := range others {
		one, err := replica.planRemovalOfOne(ctx, deleteData)
		var missing *NotInstalledError
		if errors.As(err, &missing) {
			continue
		}
		if err != nil {
			return removal, err
		}
		removal.replicas = append(removal.replicas, one)
	}
	return removal, nil
}

func (i Instance) planRemovalOfOne(ctx context.Context, deleteData bool) (Removal, error) {
	removal := Removal{outcome: Uninstallation{
		Name: i.Name, Namespace: i.Cluster.Namespace, Removed: []UninstallObject{}, Kept: []UninstallObject{},
	}}
	found, err := i.findCore(ctx)
	removal.deployment = found.deployment()
	if err == nil {
		err = found.findStorage(ctx, deleteData)
	}
	if err == nil {
		err = i.endsClaim(ctx, found, deleteData)
	}
	if err == nil && found.servesTLS() {
		err = found.findSecrets(ctx, dind.Options{}) // given ones are not deleted
	}
	if err != nil {
		return removal, err
	}
	for _, unread := range found.findCopies(ctx, nil) {
		if !apierrors.IsForbidden(unread) {
			return removal, unread
		}
		removal.keep(unread.Ref, "not readable with your permissions; delete it manually")
	}
	if len(found.objects) == 0 {
		return removal, found.notInstalled()
	}
	for _, unread := range found.unread {
		if unread.Ref.Kind == "PersistentVolume" || deleteData {
			removal.keep(unread.Ref, "not readable with your permissions")
		}
	}
	var storage map[kube.Ref]string
	if deleteData {
		storage = i.keptStorage(ctx, found)
	}
	for _, item := range found.objects {
		stage := stageOf(i, item)
		if stage == stageClass && !deleteData {
			continue // all local volumes share it; it is mentioned only with deleteData
		}
		reason := found.kept(item)
		switch {
		case reason != "":
		case stage == stageClaim && item.Object.GetDeletionTimestamp() != nil && !deleteData:
			reason = "is being deleted, but its volume stays: its reclaim policy is Retain"
		case stage >= stageClaim && !deleteData:
			reason = "holds the cache; --delete-data removes it"
		default:
			reason = storage[item.Ref]
		}
		if reason != "" {
			removal.keep(item.Ref, reason)
			continue
		}
		removal.items[stage] = append(removal.items[stage], item)
	}
	for _, items := range removal.items {
		for _, item := range items {
			removal.outcome.Removed = append(removal.outcome.Removed, removal.outcome.object(item.Ref, ""))
		}
	}
	return removal, i.keepVolume(ctx, &removal)
}

// stageOf returns the stage in which an object is deleted.
func stageOf(i Instance, item kube.Item) int {
	switch item.Ref.Kind {
	case "PersistentVolumeClaim":
		return stageClaim
	case "PersistentVolume":
		return stageVolume
	case "StorageClass":
		return stageClass
	case "NetworkPolicy":
		return stagePolicy
	case "PodMonitor": // only an installation with a Deployment is asked for one
		return stageCopies
	case "Secret":
		if i.elsewhere(item.Ref) != "" {
			return stageCopies
		}
		return stageSecrets
	}
	return stageObjects
}

// kept returns why an object is kept because of what it is, "" for an object of this
// installation.
func (f installation) kept(item kube.Item) string {
	switch {
	case item.Ref.Kind == "StorageClass" && kube.IsManaged(item.Object):
		return "" // installations share it
	case item.Ref.Kind == "PersistentVolumeClaim" && (item.Ref.Name != dind.ClaimName(f.i.Name) || f.wasGiven(item.Ref.Name)):
		return "given with --existing-claim, which is never deleted"
	}
	return f.notOurs(item.Object)
}

// wasGiven reports whether the last install was given the claim with --existing-claim.
func (f installation) wasGiven(claim string) bool {
	options, known := dind.Remembered(f.deployment())
	return known && options.ExistingClaim == claim
}
