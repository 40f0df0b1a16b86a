package dind

import (
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Live is the state of the cluster that the objects depend on. Each field may be
// empty.
type Live struct {
	// Claim is the claim NAME-data or ExistingClaim.
	Claim      *corev1.PersistentVolumeClaim
	Class      *storagev1.StorageClass // of the claim
	Deployment *appsv1.Deployment
	// DataGone means that the claim that the Deployment mounts does not exist.
	DataGone bool
	Service  *corev1.Service
	// StorageDriver is the storage driver that the running daemon reports.
	StorageDriver string
	// Monitoring means that the cluster serves the kinds of Prometheus Operator.
	Monitoring bool
	// Certificates are given, because issuing them needs a clock and randomness.
	Certificates CertificateFiles
}

// plan is what the objects are built from.
type plan struct {
	Options
	live         *corev1.PersistentVolumeClaim
	class        *storagev1.StorageClass
	claimName    string            // the claim that the pod mounts
	size         resource.Quantity // of the claim; zero with ExistingClaim
	cacheBytes   int64             // the limit of the build cache
	certificates CertificateFiles
	// selector is the Deployment's selector, podLabels are the labels of its pods,
	// traffic is what Service and NetworkPolicy select.
	selector  *metav1.LabelSelector
	podLabels map[string]string
	traffic   map[string]string
}

// Build validates the options and returns the objects of the installation. The
// error is OptionErrors or an *IncompatibleError. Build does not change live.
func Build(o Options, live Live) (Objects, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	p := plan{Options: o, live: live.Claim, class: live.Class, certificates: live.Certificates}
	var errs OptionErrors
	p.planStorage(&errs)
	p.planSelector(&errs, live.Deployment)
	p.checkMoved(&errs, live)
	p.checkDataRoot(&errs, live)
	p.checkTLS(&errs, live)
	p.checkReplicaOf(&errs, live.Deployment)
	p.checkHidden(&errs)
	if err := errs.err(); err != nil {
		if live.Claim != nil || live.Deployment != nil || live.Service != nil {
			err = &IncompatibleError{errs}
		}
		return nil, err
	}
	var objects Objects
	for _, part := range parts() {
		if part.wanted(o) && (part.group != Monitoring || live.Monitoring) {
			objects = append(objects, part.build(p))
		}
	}
	return append(objects, p.clientCopies()...), nil
}

// podAnnotations returns the annotations of the daemon's pod: among them those that change
// with the files that the daemon reads only when it starts.
func (p plan) podAnnotations() map[string]string {
	annotations := map[string]string{ConfigHashAnnotation: p.startHash()}
	if !p.AllowEviction {
		maps.Copy(annotations, stayAnnotations())
	}
	if len(p.certificates.Server) > 0 {
		annotations[CertificateHashAnnotation] = CertificateHash(p.certificates.Server)
	}
	return annotations
}

// labels returns Labels and the engine's version, if it is known. The version is
// not dindctl's, so that upgrading dindctl changes no object.
func (p plan) labels() map[string]string {
	labels := Labels(p.Name)
	if version := EngineVersion(p.Image); version != "" {
		labels[VersionLabel] = version
	}
	if p.ReplicaOf != "" {
		labels[ReplicaLabel] = p.ReplicaOf
	}
	return labels
}
