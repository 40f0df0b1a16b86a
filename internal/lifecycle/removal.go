package lifecycle

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dindctl/dindctl/internal/cluster"
	"github.com/dindctl/dindctl/internal/dind"
)

// Removal is what uninstalling would do, decided from what is there. Nothing
// has been changed yet.
type Removal struct {
	name, namespace string
	copies, secrets []cluster.Item // of TLS; copies are in other namespaces
	workload        []cluster.Item // daemon, clean-up and what leads to them
	storage         []cluster.Item // in the order in which it goes
	kept            []KeptObject
}

// PlanRemoval decides what uninstalling removes: only what carries dindctl's
// labels, and storage only with deleteData. The error is a *NotInstalledError
// where nothing at all is there, or what the connection gives.
func (i Instance) PlanRemoval(ctx context.Context, deleteData bool) (Removal, error) {
	removal := Removal{name: i.Name, namespace: i.Cluster.Namespace}
	found, err := i.find(ctx)
	if err == nil && deleteData && found.Claim == nil {
		err = i.findLocalStorage(ctx, &found)
	}
	if err == nil && dind.ServesTLS(found.Deployment, found.Service) {
		err = i.findSecrets(ctx, &found)
	}
	if err != nil {
		return removal, err
	}
	for _, unread := range i.findCopies(ctx, &found, nil) {
		if !apierrors.IsForbidden(unread) {
			return removal, unread
		}
		removal.keep(unread.Ref, "may not be read; who may can remove it there")
	}
	shared := ""
	if deleteData && found.StorageClass != nil {
		shared = i.classInUse(ctx, found)
	}
	if len(found.Items()) == 0 {
		return removal, i.notInstalled(found)
	}
	for _, item := range found.Items() {
		storage := storageOrder(item.Ref.Kind) > 0
		switch {
		case item.Ref.Kind == "StorageClass" && !deleteData:
			// Shared by every local volume; not worth a word unless asked for.
		case item.Ref.Kind == "StorageClass" && shared != "":
			removal.keep(item.Ref, shared)
		case !cluster.Owned(item.Object):
			removal.keep(item.Ref, "not made by dindctl")
		case item.Ref.Kind == "Secret" && !i.ours(item.Object):
			removal.keep(item.Ref, "belongs to another installation of this name")
		case item.Ref.Kind == "Secret" && i.elsewhere(item.Ref) != "":
			removal.copies = append(removal.copies, item)
		case item.Ref.Kind == "Secret":
			removal.secrets = append(removal.secrets, item)
		case storage && !deleteData:
			removal.keep(item.Ref, "holds the cache; --delete-data removes it")
		case storage:
			removal.storage = append(removal.storage, item)
		default:
			removal.workload = append(removal.workload, item)
		}
	}
	if deleteData && found.PersistentVolume != nil && found.PersistentVolume.Spec.Local != nil {
		local := found.PersistentVolume.Spec.Local
		removal.kept = append(removal.kept, KeptObject{
			Kind: "Files", Name: local.Path,
			Reason: "the files of a local volume stay on their node; remove them there",
		})
	}
	return removal, nil
}

// findLocalStorage adds what an interrupted removal may have left: the volume
// and the class of a local claim that is gone. A user who may not read them
// cannot have made them.
func (i Instance) findLocalStorage(ctx context.Context, found *cluster.Inventory) error {
	left, err := i.Cluster.Read(ctx, cluster.Names{
		PersistentVolume: dind.VolumeObjectName(i.Cluster.Namespace, i.Name),
		StorageClass:     dind.LocalStorageClass,
	})
	if apierrors.IsForbidden(err) || left.PersistentVolume == nil {
		return nil
	}
	found.PersistentVolume, found.StorageClass = left.PersistentVolume, left.StorageClass
	return err
}

// classInUse says why the class of local volumes has to stay; empty where no
// other volume is of it.
func (i Instance) classInUse(ctx context.Context, found cluster.Inventory) string {
	volumes, err := i.Cluster.PersistentVolumes(ctx)
	if err != nil {
		return "whether other volumes use it could not be read"
	}
	for _, volume := range volumes {
		other := found.PersistentVolume == nil || volume.Name != found.PersistentVolume.Name
		if other && volume.Spec.StorageClassName == found.StorageClass.Name {
			return "other local volumes use it"
		}
	}
	return ""
}

func (r *Removal) keep(ref cluster.Ref, reason string) {
	kept := KeptObject{Kind: ref.Kind, Name: ref.Name, Reason: reason}
	if ref.Kind == "Secret" && ref.Namespace != r.namespace {
		kept.Namespace = ref.Namespace
	}
	r.kept = append(r.kept, kept)
}
