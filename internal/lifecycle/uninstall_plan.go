package lifecycle

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
)

// Removal is the plan of an uninstall.
type Removal struct {
	name, namespace string
	copies, secrets []kube.Item // of TLS; copies are in other namespaces
	workload        []kube.Item // everything else
	storage         []kube.Item
	kept            []KeptObject
}

// PlanRemoval plans an uninstall: it deletes only objects with dindctl's labels, and
// storage only with deleteData. It changes nothing. The error is a
// *NotInstalledError if nothing exists, or what the connection returns.
func (i Instance) PlanRemoval(ctx context.Context, deleteData bool) (Removal, error) {
	removal := Removal{name: i.Name, namespace: i.Cluster.Namespace}
	found, err := i.find(ctx)
	if err == nil && deleteData && found.claim() == nil {
		err = found.findLocalStorage(ctx)
	}
	if err == nil && found.servesTLS() {
		err = found.findSecrets(ctx)
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
	shared := ""
	if deleteData && found.storageClass() != nil {
		shared = i.classInUse(ctx, found)
	}
	if len(found.objects) == 0 {
		return removal, found.notInstalled()
	}
	for _, item := range found.objects {
		storage := storageOrder(item.Ref.Kind) > 0
		switch {
		case item.Ref.Kind == "StorageClass" && !deleteData:
			// All local volumes share it; it is mentioned only with deleteData.
		case item.Ref.Kind == "StorageClass" && shared != "":
			removal.keep(item.Ref, shared)
		case !kube.IsManaged(item.Object):
			removal.keep(item.Ref, "not created by dindctl")
		case item.Ref.Kind == "Secret" && !found.belongs(item.Object):
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
	if deleteData && found.persistentVolume() != nil && found.persistentVolume().Spec.Local != nil {
		local := found.persistentVolume().Spec.Local
		removal.kept = append(removal.kept, KeptObject{
			Kind: "Files", Name: local.Path,
			Reason: "the files of a local volume stay on their node; remove them there",
		})
	}
	return removal, nil
}

// findLocalStorage reads what an interrupted removal may have left: the volume and
// the class of a local claim that is gone. A user who may not read them cannot
// have created them.
func (f *installation) findLocalStorage(ctx context.Context) error {
	left, err := f.i.Cluster.Read(ctx, f.i.refs(dind.LocalStorage)...)
	if apierrors.IsForbidden(err) || len(left) == 0 || left[len(left)-1].Ref.Kind != "PersistentVolume" {
		return nil
	}
	f.objects = f.objects.With(left)
	return err
}

// classInUse returns why the class of local volumes has to stay, "" if no other
// volume uses it.
func (i Instance) classInUse(ctx context.Context, found installation) string {
	volumes, err := i.Cluster.PersistentVolumes(ctx)
	if err != nil {
		return "unknown whether other volumes use it"
	}
	for _, volume := range volumes {
		other := found.persistentVolume() == nil || volume.Name != found.persistentVolume().Name
		if other && volume.Spec.StorageClassName == found.storageClass().Name {
			return "other local volumes use it"
		}
	}
	return ""
}

func (r *Removal) keep(ref kube.Ref, reason string) {
	kept := KeptObject{Kind: ref.Kind, Name: ref.Name, Reason: reason}
	if ref.Kind == "Secret" && ref.Namespace != r.namespace {
		kept.Namespace = ref.Namespace
	}
	r.kept = append(r.kept, kept)
}
