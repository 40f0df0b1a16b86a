package dind

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// planStorage sets the claim, its size and the limit of the build cache.
func (p *plan) planStorage(errs *OptionErrors) {
	if p.ExistingClaim != "" {
		p.claimName = p.ExistingClaim
		p.planExistingClaim(errs)
		return
	}
	p.claimName = ClaimName(p.Name)
	p.size = p.claimSize(errs)
	p.checkClass(errs)
	p.checkMountable(errs, "--name", p.Name)
	volume := p.size
	if has, bound := capacityOf(p.live); bound && p.size.Cmp(requestOf(p.live)) == 0 && has.Cmp(volume) < 0 {
		volume = has // the growth that an earlier install asked for has not come
	}
	p.planCache(errs, volume)
}

// planCache sets the limit of the build cache in bytes: engines 28.0 to 28.5.0
// misread a percentage, and others may apply it to the node's disk.
func (p *plan) planCache(errs *OptionErrors, volume resource.Quantity) {
	limit, _ := ParseCacheLimit(p.CacheLimit)
	p.checkCacheFits(errs, limit, volume)
	p.cacheBytes = limit.Of(volume.Value())
}

func (p *plan) planExistingClaim(errs *OptionErrors) {
	if p.live == nil {
		limit, _ := ParseCacheLimit(p.CacheLimit)
		if limit.Percent != 0 {
			errs.add("--cache-limit", p.CacheLimit, "is a percentage of claim "+p.ExistingClaim+", whose size is unknown",
				"Use a size, for example --cache-limit 75Gi.")
		}
		p.cacheBytes = limit.Bytes
		return
	}
	p.checkMountable(errs, "--existing-claim", p.ExistingClaim)
	// The capacity can be larger than the request.
	size, bound := capacityOf(p.live)
	if !bound {
		size = requestOf(p.live)
	}
	p.planCache(errs, size)
}

// claimSize returns the requested size, or the size of the live claim. Kubernetes
// cannot shrink a volume, but a claim that requests more than its volume has can
// request less again. See
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/#recovering-from-failure-when-expanding-volumes
func (p *plan) claimSize(errs *OptionErrors) resource.Quantity {
	const option = "--storage-size"
	if p.live == nil {
		return resource.MustParse(cmp.Or(p.StorageSize, DefaultStorageSize))
	}
	live := requestOf(p.live)
	if p.StorageSize == "" {
		return live
	}
	requested := resource.MustParse(p.StorageSize)
	keep := "Omit --storage-size to keep its size of " + live.String() + "."
	claim := "the size of claim " + p.claimName
	has, bound := capacityOf(p.live)
	switch class := p.live.Spec.StorageClassName; {
	case requested.Cmp(live) == 0:
		return live // as the claim has it: 1024Mi is no change of 1Gi
	case requested.Cmp(live) < 0 && bound && requested.Cmp(has) > 0: // takes a growth back
	case requested.Cmp(live) < 0 && bound && requested.Cmp(has) == 0:
		errs.add(option, p.StorageSize, "is the size that the volume of claim "+p.claimName+" has, and Kubernetes takes a larger request back only to more than that",
			keep+" To take the request back, set a size between the two.")
	case requested.Cmp(live) < 0:
		errs.add(option, p.StorageSize, "is less than "+claim+", and a claim cannot shrink",
			keep+" To start with a smaller, empty volume, run dindctl uninstall --delete-data first.")
	case p.live.Status.Phase == corev1.ClaimPending:
		errs.add(option, p.StorageSize, "is more than "+claim+", which is not bound yet",
			keep+" Kubernetes can expand it once it is bound.")
	case class != nil && *class == LocalStorageClass:
		errs.add(option, p.StorageSize, "is more than "+claim+", and a local volume cannot be expanded",
			keep+" Its real limit is the file system of the directory.")
	case p.class != nil && (p.class.AllowVolumeExpansion == nil || !*p.class.AllowVolumeExpansion):
		errs.add(option, p.StorageSize, "is more than "+claim+", and its class "+p.class.Name+" does not allow volume expansion",
			keep+" An administrator can set allowVolumeExpansion on the class if its driver supports it.")
	}
	return requested
}

// capacityOf returns the size of the volume that is bound to the claim; false if none is.
// The claim may be nil.
func capacityOf(claim *corev1.PersistentVolumeClaim) (size resource.Quantity, bound bool) {
	if claim != nil {
		size, bound = claim.Status.Capacity[corev1.ResourceStorage]
	}
	return size, bound
}

// checkClass rejects another class or volume than the live claim's: both are immutable.
func (p *plan) checkClass(errs *OptionErrors) {
	// A claim without a class can still get one.
	if p.live == nil || p.live.Spec.StorageClassName == nil {
		return
	}
	class := *p.live.Spec.StorageClassName
	hint := " to keep it, choose another --name, or run dindctl uninstall --delete-data first."
	if p.StorageClass != "" && p.StorageClass != class {
		errs.add("--storage-class", p.StorageClass, fmt.Sprintf("is not the class of claim %s (%q), which is immutable", p.claimName, class),
			"Omit --storage-class"+hint)
	}
	if p.LocalPath == "" {
		return
	}
	volume := p.live.Spec.VolumeName
	if class != LocalStorageClass || volume != "" && volume != VolumeObjectName(p.Namespace, p.Name) {
		errs.add("--local-path", p.LocalPath, "conflicts with claim "+p.claimName+", which has another volume",
			"Omit --local-path and --local-node"+hint)
	}
}

// checkMountable rejects a claim that cannot hold the daemon's data.
func (p *plan) checkMountable(errs *OptionErrors, option, value string) {
	if p.live == nil {
		return
	}
	modes := p.live.Spec.AccessModes
	if mode := p.live.Spec.VolumeMode; mode != nil && *mode == corev1.PersistentVolumeBlock {
		errs.add(option, value, "uses claim "+p.claimName+", which is a raw block device", "Use a claim with volumeMode Filesystem.")
	}
	if len(modes) > 0 && !slices.ContainsFunc(modes, func(m corev1.PersistentVolumeAccessMode) bool { return m != corev1.ReadOnlyMany }) {
		errs.add(option, value, "uses claim "+p.claimName+", which is read-only", "Use a claim with access mode ReadWriteOnce.")
	}
}
