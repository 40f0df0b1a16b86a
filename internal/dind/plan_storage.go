package dind

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// planStorage decides which claim the pod mounts, how large it is to be, and
// how much of it the build cache may take. The options are valid.
func (p *plan) planStorage(ps *Problems) {
	if p.ExistingClaim != "" {
		p.claimName = p.ExistingClaim
		p.planExistingClaim(ps)
		return
	}
	p.claimName = ClaimName(p.Name)
	p.size = p.claimSize(ps)
	p.checkClass(ps)
	p.checkMountable(ps, "--name", p.Name)
	p.planCache(ps, p.size)
}

// planCache sets the limit of the build cache from the volume's size. The
// engine gets bytes: 28.0 to 28.5.0 misread a share, and take the disk of the
// node for the volume's size elsewhere.
func (p *plan) planCache(ps *Problems, volume resource.Quantity) {
	limit, _ := ParseCacheLimit(p.CacheLimit)
	p.checkCacheFits(ps, limit, volume)
	p.cacheBytes = limit.Of(volume.Value())
}

func (p *plan) planExistingClaim(ps *Problems) {
	if p.live == nil {
		limit, _ := ParseCacheLimit(p.CacheLimit)
		if limit.Percent != 0 {
			ps.add("--cache-limit", p.CacheLimit, "is a share of the claim "+p.ExistingClaim+", whose size is not known here",
				"Give a size, for example --cache-limit 75Gi.")
		}
		p.cacheBytes = limit.Bytes
		return
	}
	p.checkMountable(ps, "--existing-claim", p.ExistingClaim)
	// What there is counts, not what was asked for: a claim may get more.
	size, ok := p.live.Status.Capacity[corev1.ResourceStorage]
	if !ok {
		size = requestOf(p.live)
	}
	p.planCache(ps, size)
}

// claimSize is what was asked for, but never less than the live claim has:
// Kubernetes cannot shrink a volume.
func (p *plan) claimSize(ps *Problems) resource.Quantity {
	const option = "--storage-size"
	if p.live == nil {
		if p.StorageSize == "" {
			return resource.MustParse(DefaultStorageSize)
		}
		return resource.MustParse(p.StorageSize)
	}
	live := requestOf(p.live)
	if p.StorageSize == "" {
		return live
	}
	asked := resource.MustParse(p.StorageSize)
	leaveOut := "Leave --storage-size out to keep its " + live.String() + "."
	switch class := p.live.Spec.StorageClassName; {
	case asked.Cmp(live) == 0:
		return live // as it is written there: 1024Mi is no change of 1Gi
	case asked.Cmp(live) < 0:
		ps.add(option, p.StorageSize, "is less than the claim "+p.claimName+" has; shrinking is refused",
			leaveOut+" To start with a smaller and empty cache, run dindctl uninstall --delete-data first.")
	case p.live.Status.Phase == corev1.ClaimPending:
		// The API allows growth only once a claim is bound.
		ps.add(option, p.StorageSize, "is more than the claim "+p.claimName+" asks for, and it is not bound yet",
			leaveOut+" Once it is bound, it can grow.")
	case class != nil && *class == LocalStorageClass:
		ps.add(option, p.StorageSize, "is more than the claim "+p.claimName+" has, and a local volume does not grow",
			leaveOut+" Its real limit is the file system of the directory.")
	case p.class != nil && (p.class.AllowVolumeExpansion == nil || !*p.class.AllowVolumeExpansion):
		ps.add(option, p.StorageSize, "is more than the claim "+p.claimName+" has, and its class "+p.class.Name+" does not let volumes grow",
			leaveOut+" An administrator can set allowVolumeExpansion on the class, where its driver can do it.")
	}
	return asked
}

// checkClass refuses another class or volume than the live claim's: neither
// can be changed, and to keep the old one in silence would be no answer.
func (p *plan) checkClass(ps *Problems) {
	// A claim without a class may still be given one.
	if p.live == nil || p.live.Spec.StorageClassName == nil {
		return
	}
	class := *p.live.Spec.StorageClassName
	hint := " out to keep it, choose another --name, or run dindctl uninstall --delete-data first."
	if p.StorageClass != "" && p.StorageClass != class {
		ps.add("--storage-class", p.StorageClass, "is not the class of the claim "+p.claimName+", which is "+named(class)+" and cannot be changed",
			"Leave --storage-class"+hint)
	}
	if p.LocalPath == "" {
		return
	}
	volume := p.live.Spec.VolumeName
	if class != LocalStorageClass || volume != "" && volume != VolumeObjectName(p.Namespace, p.Name) {
		ps.add("--local-path", p.LocalPath, "cannot be given to the claim "+p.claimName+", which has another volume already",
			"Leave --local-path and --local-node"+hint)
	}
}

func named(class string) string {
	if class == "" {
		return "no class"
	}
	return class
}

// checkMountable refuses a claim that the daemon could not keep its data on.
func (p *plan) checkMountable(ps *Problems, option, value string) {
	if p.live == nil {
		return
	}
	modes := p.live.Spec.AccessModes
	if mode := p.live.Spec.VolumeMode; mode != nil && *mode == corev1.PersistentVolumeBlock {
		ps.add(option, value, "means the claim "+p.claimName+", which is a raw block device",
			"The daemon needs a file system: use a claim with volumeMode Filesystem.")
	}
	if len(modes) > 0 && !slices.ContainsFunc(modes, func(m corev1.PersistentVolumeAccessMode) bool { return m != corev1.ReadOnlyMany }) {
		ps.add(option, value, "means the claim "+p.claimName+", which can only be read",
			"Use a claim with access mode ReadWriteOnce.")
	}
}
