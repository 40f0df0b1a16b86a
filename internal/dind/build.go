package dind

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"unicode/utf8"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	applyapps "k8s.io/client-go/applyconfigurations/apps/v1"
	applybatch "k8s.io/client-go/applyconfigurations/batch/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applynetworking "k8s.io/client-go/applyconfigurations/networking/v1"
	applystorage "k8s.io/client-go/applyconfigurations/storage/v1"
	"sigs.k8s.io/yaml"
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

// Objects are the objects of one installation; nil means not wanted.
type Objects struct {
	StorageClass *applystorage.StorageClassApplyConfiguration
	Volume       *applycore.PersistentVolumeApplyConfiguration
	Claim        *applycore.PersistentVolumeClaimApplyConfiguration
	Config       *applycore.ConfigMapApplyConfiguration
	// Secrets are those of TLS: server, client, and copies of the client's in
	// other namespaces, in this order.
	Secrets       []*applycore.SecretApplyConfiguration
	Deployment    *applyapps.DeploymentApplyConfiguration
	Service       *applycore.ServiceApplyConfiguration
	CronJob       *applybatch.CronJobApplyConfiguration
	NetworkPolicy *applynetworking.NetworkPolicyApplyConfiguration
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
		return Objects{}, err
	}
	p := plan{Options: o, live: live.Claim, class: live.Class}
	var ps Problems
	p.planStorage(&ps)
	p.planSelector(&ps, live.Deployment)
	p.checkDataRoot(&ps, live)
	p.checkTLS(&ps, live)
	if err := ps.err(); err != nil {
		if live.Claim != nil || live.Deployment != nil || live.Service != nil {
			err = &MisfitError{Problems: ps}
		}
		return Objects{}, err
	}
	config, hash := p.configData()
	objects := Objects{
		Config:     p.config(config),
		Deployment: p.deployment(p.hashes(hash, live.Certificates)),
		Service:    p.service(),
	}
	if o.ExistingClaim == "" {
		objects.Claim = p.claim()
	}
	if o.LocalPath != "" {
		objects.StorageClass = localStorageClass()
		objects.Volume = p.volume()
	}
	if o.PruneSchedule != NoSchedule {
		objects.CronJob = p.cronJob()
	}
	if !o.NoNetworkPolicy {
		objects.NetworkPolicy = p.networkPolicy()
	}
	if o.TLS {
		objects.Secrets = p.secrets(live.Certificates)
	}
	return objects, nil
}

// hashes change when what the daemon reads only as it starts does.
func (p plan) hashes(config string, c Certificates) map[string]string {
	hashes := map[string]string{ConfigHashAnnotation: config}
	if p.TLS {
		hashes[CertificateHashAnnotation] = CertificateHash(c.Server)
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

// inOrder lists the objects as they are best applied: what others refer to
// first, and the policy before there is a daemon to reach.
func (o Objects) inOrder() []any {
	ordered := []any{o.StorageClass, o.Volume, o.Claim, o.Config}
	for _, secret := range o.Secrets {
		ordered = append(ordered, secret)
	}
	ordered = append(ordered, o.NetworkPolicy, o.Service, o.Deployment, o.CronJob)
	return slices.DeleteFunc(ordered, func(object any) bool { return reflect.ValueOf(object).IsNil() })
}

// YAML renders the objects as documents that kubectl apply takes, in the order
// in which they are best applied. Apply configurations hold what is asked for
// and nothing else, so there is no status and no creationTimestamp.
func (o Objects) YAML() ([]byte, error) {
	var out bytes.Buffer
	for _, object := range o.inOrder() {
		encoded, err := json.Marshal(object)
		if err != nil {
			return nil, fmt.Errorf("render %T: %w", object, err)
		}
		document, err := yaml.JSONToYAML(escape(encoded))
		if err != nil {
			return nil, fmt.Errorf("render %T: %w", object, err)
		}
		out.WriteString("---\n")
		out.Write(document)
	}
	return out.Bytes(), nil
}

// escape writes the characters of JSON's strings that may not stand in YAML as
// they are in a way that both read alike: DEL, the C1 controls, and what is no
// character. See https://yaml.org/spec/1.2.2/#51-character-set
func escape(encoded []byte) []byte {
	var out []byte
	for _, r := range string(encoded) {
		if r >= 0x7f && r < 0xa0 || r == '\uFEFF' || r == '\uFFFE' || r == '\uFFFF' {
			out = fmt.Appendf(out, `\u%04x`, r)
			continue
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}
