package dind

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Live is what must be carried over from the cluster, because the API refuses
// to change it or because the user grew it. Each may be nil.
type Live struct {
	// Claim is the claim NAME-data, or the one that ExistingClaim names.
	Claim *corev1.PersistentVolumeClaim
	// Deployment is the Deployment NAME.
	Deployment *appsv1.Deployment
	// Class is the live claim's, where it could be read.
	Class *storagev1.StorageClass
	// StorageDriver is the running daemon's, where it could be asked.
	StorageDriver string
	// Service is the Service NAME.
	Service *corev1.Service
	// Certificates are what the Secrets are to hold. They are not made here, for
	// that takes a clock and chance; without TLS they are of no use.
	Certificates Certificates
}

// plan is what the objects are made from, once options and cluster are read.
type plan struct {
	Options
	// size is the claim's, or zero where the claim is not ours.
	size resource.Quantity
	// cacheBytes is the limit of the build cache.
	cacheBytes int64
	// claimName is the claim that the pod mounts, live what it is now.
	claimName string
	live      *corev1.PersistentVolumeClaim
	class     *storagev1.StorageClass
	// certificates are the contents of the Secrets of TLS.
	certificates Certificates
	// selector is the Deployment's, podLabels what its pods carry to match it,
	// traffic what Service and NetworkPolicy go by.
	selector  selector
	podLabels map[string]string
	traffic   map[string]string
}

// Build validates the options and gives the objects they ask for. Its error is
// Problems, a *MisfitError, or nil. It changes neither options nor live objects.
func Build(o Options, live Live) (Objects, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	p := plan{Options: o, live: live.Claim, class: live.Class, certificates: live.Certificates}
	var ps Problems
	p.planStorage(&ps)
	p.planSelector(&ps, live.Deployment)
	p.checkDataRoot(&ps, live)
	p.checkTLS(&ps, live)
	if err := ps.err(); err != nil {
		if live.Claim != nil || live.Deployment != nil || live.Service != nil {
			err = &MisfitError{Problems: ps}
		}
		return nil, err
	}
	var objects Objects
	for _, part := range parts() {
		if part.wanted(o) {
			objects = append(objects, part.build(p))
		}
	}
	return append(objects, p.clientCopies()...), nil
}

// hashes change when a file does that the daemon reads only at its start.
func (p plan) hashes() map[string]string {
	hashes := map[string]string{ConfigHashAnnotation: configHash(p.configData())}
	if p.TLS {
		hashes[CertificateHashAnnotation] = CertificateHash(p.certificates.Server)
	}
	return hashes
}

// labels are Labels and, where the image's tag tells it, the engine's version.
// It is not dindctl's: upgrading the tool alone must change nothing.
func (p plan) labels() map[string]string {
	labels := Labels(p.Name)
	if version := EngineVersion(p.Image); version != "" {
		labels[VersionLabel] = version
	}
	return labels
}
