package lifecycle

import (
	"context"
	"fmt"

	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/progress"
)

// Uninstallation is the result of Remove.
type Uninstallation struct {
	Name      string          `json:"name"`
	Namespace string          `json:"namespace"`
	Removed   []RemovedObject `json:"removed"`
	Kept      []KeptObject    `json:"kept"`
}

// RemovedObject is an object that was deleted, or would be.
type RemovedObject struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Namespace is set for objects in another namespace than the installation's.
	Namespace string `json:"namespace,omitempty"`
}

// KeptObject is an object that is not deleted, and why.
type KeptObject struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
	Reason    string `json:"reason"`
}

// storageOrder returns the order in which storage is deleted, 0 for other kinds.
func storageOrder(kind string) int {
	switch kind {
	case "PersistentVolumeClaim":
		return 1
	case "PersistentVolume":
		return 2
	case "StorageClass":
		return 3
	}
	return 0
}

// Outcome returns what the removal would do.
func (r Removal) Outcome() Uninstallation {
	outcome := Uninstallation{Name: r.name, Namespace: r.namespace, Removed: []RemovedObject{}, Kept: []KeptObject{}}
	for _, items := range [][]kube.Item{r.copies, r.secrets, r.workload, r.storage} {
		for _, item := range items {
			outcome.removed(item.Ref)
		}
	}
	outcome.Kept = append(outcome.Kept, r.kept...)
	return outcome
}

// removed adds a deleted object.
func (u *Uninstallation) removed(ref kube.Ref) {
	object := RemovedObject{Kind: ref.Kind, Name: ref.Name}
	if ref.Kind == "Secret" && ref.Namespace != u.Namespace {
		object.Namespace = ref.Namespace
	}
	u.Removed = append(u.Removed, object)
}

// DeletesData reports whether the removal would delete the cache.
func (r Removal) DeletesData() bool { return len(r.storage) > 0 }

// Remove deletes the planned objects and returns when they are gone. The
// Uninstallation holds what was deleted also if an error is returned, which joins a
// *kube.DeleteError for each object that remains; running it again resumes.
func (i Instance) Remove(ctx context.Context, r Removal) (Uninstallation, error) {
	outcome := r.Outcome()
	outcome.Removed = []RemovedObject{}
	// The Deployment shows that there are Secrets, and one of those lists the copies:
	// in this order, an interrupted removal can find the rest.
	if err := i.remove(ctx, "Copies", r.copies, &outcome); err != nil {
		return outcome, err
	}
	if err := i.remove(ctx, "Secrets", r.secrets, &outcome); err != nil {
		return outcome, err
	}
	if err := i.remove(ctx, "Objects", r.workload, &outcome); err != nil {
		return outcome, err
	}
	if err := i.remove(ctx, "Jobs", i.leftoverJobs(ctx), &outcome); err != nil {
		return outcome, err
	}
	// A claim that a pod still mounts is only marked: storage is deleted after the
	// pods, and each kind after those that refer to it.
	for order := 1; order <= 3; order++ {
		var items []kube.Item
		for _, item := range r.storage {
			if storageOrder(item.Ref.Kind) == order {
				items = append(items, item)
			}
		}
		if err := i.remove(ctx, "Storage", items, &outcome); err != nil {
			return outcome, err
		}
	}
	return outcome, nil
}

// leftoverJobs returns Jobs that were not deleted with a CronJob.
func (i Instance) leftoverJobs(ctx context.Context) []kube.Item {
	items, err := i.Cluster.Jobs(ctx, i.labels())
	if err != nil {
		progress.Warn(i.Observer, "Jobs of the prune may remain: "+err.Error())
		return nil
	}
	return items
}

func (i Instance) remove(ctx context.Context, step string, items []kube.Item, outcome *Uninstallation) error {
	if len(items) == 0 {
		return nil
	}
	return progress.Step(i.Observer, step, func(update func(string)) error {
		update(fmt.Sprintf("removing %d", len(items)))
		gone, err := i.deleteAll(ctx, items)
		for _, ref := range gone {
			outcome.removed(ref)
		}
		if err == nil {
			update(fmt.Sprintf("%d removed", len(items)))
		}
		return err
	})
}
