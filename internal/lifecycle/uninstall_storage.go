package lifecycle

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/rollout"
)

// findStorage reads the installation's storage: a claim NAME-data that the daemon does
// not mount, and the local volume of that claim with its class. With deleteData, it also
// reads a volume whose claim an interrupted removal has deleted. A user who may not read
// that one cannot have created it.
func (f *installation) findStorage(ctx context.Context, deleteData bool) error {
	ref := f.i.Cluster.Ref("PersistentVolumeClaim", dind.ClaimName(f.i.Name))
	if f.claimName != ref.Name {
		if err := f.more(ctx, ref); err != nil {
			return err
		}
	}
	own := kube.Get[corev1.PersistentVolumeClaim](f.objects, ref)
	switch {
	case own != nil && className(own) == dind.LocalStorageClass:
		return f.findLocalStorage(ctx)
	case own != nil || !deleteData:
		return nil
	}
	left := *f
	if err := left.findLocalStorage(ctx); err != nil {
		return err
	}
	if volume := left.persistentVolume(); volume != nil && f.notOurs(volume) == "" {
		*f = left
	}
	return nil // the class alone is not the installation's
}

// keptStorage returns why storage that is this installation's has to stay: the volume
// stays with its claim, and the class with any volume.
func (i Instance) keptStorage(ctx context.Context, found installation) map[kube.Ref]string {
	claim := i.Cluster.Ref("PersistentVolumeClaim", dind.ClaimName(i.Name))
	volume := i.Cluster.Ref("PersistentVolume", dind.VolumeObjectName(i.Cluster.Namespace, i.Name))
	class := i.Cluster.Ref("StorageClass", dind.LocalStorageClass)
	if reason := i.keptClaim(ctx, found, claim); reason != "" {
		const follows = "its claim is kept"
		return map[kube.Ref]string{claim: reason, volume: follows, class: follows}
	}
	if found.storageClass() == nil {
		return nil
	}
	return map[kube.Ref]string{class: i.classInUse(ctx, found)}
}

// keptClaim returns why the claim NAME-data has to stay, "" if nothing else uses it.
func (i Instance) keptClaim(ctx context.Context, found installation, ref kube.Ref) string {
	claim := found.objects.Find(ref)
	if claim == nil {
		return ""
	}
	if reason := found.notOurs(claim); reason != "" {
		return reason
	}
	except := i.Name
	if deployment := found.deployment(); deployment != nil && found.notOurs(deployment) != "" {
		except = "" // it stays, and its pods with it
	}
	users, err := i.claimUsers(ctx, ref.Name, except)
	switch {
	case len(users) > 0:
		return "used by " + kube.JoinRefs(users)
	case err != nil:
		return "unknown whether something else uses it: " + err.Error()
	}
	return ""
}

// endsClaim returns a *ClaimError if removing the Deployment would complete the deletion
// of a claim that the removal is to keep, and its volume would not stay.
func (i Instance) endsClaim(ctx context.Context, found installation, deleteData bool) error {
	claim, deployment := found.claim(), found.deployment()
	cause := rollout.ClaimTerminating(claim)
	if cause == nil || deployment == nil || found.notOurs(deployment) != "" || deleteData && found.kept(kube.Item{Ref: cause.Object, Object: claim}) == "" {
		return nil
	}
	volume, err := i.boundVolume(ctx, claim)
	if err == nil && volume != nil && volume.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimRetain {
		return nil
	}
	return &ClaimError{cause}
}

// boundVolume reads the volume of a claim, nil if it has none. The error is a
// *kube.ReadError.
func (i Instance) boundVolume(ctx context.Context, claim *corev1.PersistentVolumeClaim) (*corev1.PersistentVolume, error) {
	if claim.Spec.VolumeName == "" {
		return nil, nil
	}
	ref := i.Cluster.Ref("PersistentVolume", claim.Spec.VolumeName)
	read, err := i.Cluster.Read(ctx, ref)
	return kube.Get[corev1.PersistentVolume](read, ref), err
}

// keepVolume adds what stays after a claim is deleted: the files of a local volume, and
// a volume that its reclaim policy keeps.
func (i Instance) keepVolume(ctx context.Context, removal *Removal) error {
	for _, item := range removal.items[stageVolume] {
		if local := item.Object.(*corev1.PersistentVolume).Spec.Local; local != nil {
			removal.keep(kube.Ref{Kind: "Files", Name: local.Path}, "the files of a local volume stay on their node; remove them there")
		}
	}
	if len(removal.items[stageVolume]) > 0 {
		return nil
	}
	for _, item := range removal.items[stageClaim] {
		claim := item.Object.(*corev1.PersistentVolumeClaim)
		volume, err := i.boundVolume(ctx, claim)
		ref := i.Cluster.Ref("PersistentVolume", claim.Spec.VolumeName)
		switch {
		case apierrors.IsForbidden(err):
			removal.keep(ref, "unknown: whether it is deleted depends on its reclaim policy, which is not readable with your permissions")
		case err != nil:
			return err
		case volume != nil && volume.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimRetain:
			removal.keep(ref, "its reclaim policy is Retain: the volume stays, and the data on it; `kubectl delete pv "+ref.Name+"` deletes the object")
		}
	}
	return nil
}

// classInUse returns why the class of local volumes has to stay, "" if no other
// volume uses it.
func (i Instance) classInUse(ctx context.Context, found installation) string {
	volumes, err := i.Cluster.PersistentVolumes(ctx)
	if err != nil {
		return "unknown whether other volumes use it"
	}
	for n := range volumes {
		volume := &volumes[n]
		if volume.Spec.StorageClassName == found.storageClass().Name && found.notOurs(volume) != "" {
			return "other local volumes use it"
		}
	}
	return ""
}
