package lifecycle

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/dindctl/dindctl/internal/cluster"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/progress"
)

// retryRefused makes the controllers try at once to create a pod that was
// refused before and that nothing else has changed: they would do so by
// themselves only after a pause that grows to a quarter of an hour. An
// annotation of the Deployment is copied to its ReplicaSet, whose change is
// what its controller acts on.
func (i Instance) retryRefused(ctx context.Context, before *appsv1.Deployment, applied []cluster.Applied) error {
	if cluster.EarlierRefusal(before) == nil {
		return nil
	}
	for _, a := range applied {
		if a.Ref.Kind == "Deployment" && a.Change == cluster.Unchanged {
			return i.Cluster.Annotate(ctx, i.Name, dind.RetriedAnnotation, i.Now().UTC().Format(time.RFC3339Nano))
		}
	}
	return nil
}

// desired binds the objects to the cluster, in the order they are listed in.
func (i Instance) desired(o dind.Objects) []cluster.Desired {
	var wanted []cluster.Desired
	if o.StorageClass != nil {
		wanted = append(wanted, i.Cluster.StorageClass(o.StorageClass))
	}
	if o.Volume != nil {
		wanted = append(wanted, i.Cluster.PersistentVolume(o.Volume))
	}
	if o.Claim != nil {
		wanted = append(wanted, i.Cluster.PersistentVolumeClaim(o.Claim))
	}
	wanted = append(wanted, i.Cluster.ConfigMap(o.Config))
	for _, secret := range o.Secrets {
		wanted = append(wanted, i.Cluster.Secret(secret))
	}
	wanted = append(wanted, i.Cluster.Deployment(o.Deployment), i.Cluster.Service(o.Service))
	if o.CronJob != nil {
		wanted = append(wanted, i.Cluster.CronJob(o.CronJob))
	}
	if o.NetworkPolicy != nil {
		wanted = append(wanted, i.Cluster.NetworkPolicy(o.NetworkPolicy))
	}
	return wanted
}

// leftovers are what an earlier installation with other options made and this
// one does not want.
type leftovers struct{ copies, rest []cluster.Item }

// unwanted finds the leftovers. Only the clean-up, the policy and what belongs to
// TLS ever are; storage is never touched here, whatever the options say.
func unwanted(found cluster.Inventory, wanted []cluster.Desired) leftovers {
	keep := map[cluster.Ref]bool{}
	for _, want := range wanted {
		keep[want.Ref] = true
	}
	var left leftovers
	for _, item := range found.Items() {
		switch {
		case keep[item.Ref] || !cluster.Owned(item.Object):
		case item.Ref.Kind == "Secret" && item.Object.GetLabels()[dind.HomeLabel] != "":
			left.copies = append(left.copies, item)
		case item.Ref.Kind == "CronJob", item.Ref.Kind == "NetworkPolicy", item.Ref.Kind == "Secret":
			left.rest = append(left.rest, item)
		}
	}
	return left
}

// removeItems deletes what is not wanted any more.
func (i Instance) removeItems(ctx context.Context, items []cluster.Item) ([]ObjectChange, error) {
	gone, err := i.deleteAll(ctx, items)
	return i.deletions(gone), err
}

func (i Instance) deletions(refs []cluster.Ref) []ObjectChange {
	var changes []ObjectChange
	for _, ref := range refs {
		changes = append(changes, ObjectChange{Kind: ref.Kind, Name: ref.Name, Namespace: i.elsewhere(ref), Change: changeDeleted})
	}
	return changes
}

// growthClass is the class of a claim that is to grow, to know whether it may;
// nil where that does not matter or may not be read: the API server says so then.
func (i Instance) growthClass(ctx context.Context, options dind.Options, found cluster.Inventory) (*storagev1.StorageClass, error) {
	if options.StorageSize == "" || options.ExistingClaim != "" || found.Claim == nil || className(found.Claim) == "" {
		return nil, nil
	}
	asked, err := resource.ParseQuantity(options.StorageSize)
	if err != nil || asked.Cmp(*found.Claim.Spec.Resources.Requests.Storage()) <= 0 {
		return nil, nil
	}
	classes, err := i.Cluster.StorageClasses(ctx)
	if apierrors.IsForbidden(err) {
		return nil, nil
	}
	return chooseClass(classes, className(found.Claim)), err
}

// waitGrown waits for a claim that was made larger: some drivers grow its file
// system only once the pod has mounted it.
func (i Instance) waitGrown(ctx context.Context, applied []cluster.Applied) error {
	for _, a := range applied {
		claim, is := a.Object.(*corev1.PersistentVolumeClaim)
		if !is || !cluster.Growing(claim) {
			continue
		}
		return progress.Step(i.Observer, "Volume", func(update func(string)) error {
			return i.Cluster.WaitGrown(ctx, claim, update)
		})
	}
	return nil
}

// summary counts the changes: "6 created", "1 configured, 5 unchanged".
func summary(changes []ObjectChange) string {
	counts := map[string]int{}
	for _, change := range changes {
		counts[change.Change]++
	}
	var parts []string
	for change, n := range counts {
		parts = append(parts, fmt.Sprintf("%d %s", n, change))
	}
	sort.Slice(parts, func(a, b int) bool {
		return parts[a][strings.Index(parts[a], " "):] < parts[b][strings.Index(parts[b], " "):]
	})
	return strings.Join(parts, ", ")
}
