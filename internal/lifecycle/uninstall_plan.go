package lifecycle

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
)

// Removal is the plan of an uninstall: the objects to delete, by stage.
type Removal struct {
	outcome Uninstallation
	items   [stages][]kube.Item
}

// Outcome returns what the removal would do.
func (r Removal) Outcome() Uninstallation { return r.outcome }

// DeletesData reports whether the removal would delete the cache.
func (r Removal) DeletesData() bool {
	return len(r.items[stageClaim])+len(r.items[stageVolume])+len(r.items[stageClass]) > 0
}

func (r *Removal) keep(ref kube.Ref, reason string) {
	r.outcome.Kept = append(r.outcome.Kept, r.outcome.object(ref, reason))
}

// PlanRemoval plans an uninstall: it deletes only objects with dindctl's labels, and
// storage only with deleteData. It changes nothing. The error is a
// *NotInstalledError if nothing exists, or what the connection returns.
func (i Instance) PlanRemoval(ctx context.Context, deleteData bool) (Removal, error) {
	removal := Removal{outcome: Uninstallation{
		Name: i.Name, Namespace: i.Cluster.Namespace, Removed: []UninstallObject{}, Kept: []UninstallObject{},
	}}
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
	storage := map[string]int{"PersistentVolumeClaim": stageClaim, "PersistentVolume": stageVolume, "StorageClass": stageClass}
	for _, item := range found.objects {
		stage, isStorage := storage[item.Ref.Kind]
		switch {
		case stage == stageClass && !deleteData:
			continue // all local volumes share it; it is mentioned only with deleteData
		case stage == stageClass && shared != "":
			removal.keep(item.Ref, shared)
			continue
		case !kube.IsManaged(item.Object):
			removal.keep(item.Ref, "not created by dindctl")
			continue
		case item.Ref.Kind == "Secret" && !found.belongs(item.Object):
			removal.keep(item.Ref, "belongs to another installation of this name")
			continue
		case isStorage && !deleteData:
			removal.keep(item.Ref, "holds the cache; --delete-data removes it")
			continue
		case item.Ref.Kind == "Secret" && i.elsewhere(item.Ref) != "":
			stage = stageCopies
		case item.Ref.Kind == "Secret":
			stage = stageSecrets
		case !isStorage:
			stage = stageObjects
		}
		removal.items[stage] = append(removal.items[stage], item)
	}
	for _, items := range removal.items {
		for _, item := range items {
			removal.outcome.Removed = append(removal.outcome.Removed, removal.outcome.object(item.Ref, ""))
		}
	}
	if deleteData && found.persistentVolume() != nil && found.persistentVolume().Spec.Local != nil {
		local := found.persistentVolume().Spec.Local
		removal.keep(kube.Ref{Kind: "Files", Name: local.Path}, "the files of a local volume stay on their node; remove them there")
	}
	return removal, nil
}

// findLocalStorage reads what an interrupted removal may have left: the volume and
// the class of a local claim that is gone. A user who may not read them cannot
// have created them.
func (f *installation) findLocalStorage(ctx context.Context) error {
	left, err := f.i.Cluster.Read(ctx, f.i.refs(dind.LocalStorage)...)
	switch {
	case apierrors.IsForbidden(err):
		return nil
	case err != nil:
		return err
	case left.Find(f.i.Cluster.Ref("PersistentVolume", dind.VolumeObjectName(f.i.Cluster.Namespace, f.i.Name))) != nil:
		f.objects = f.objects.With(left)
	}
	return nil // the class alone is not the installation's
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
