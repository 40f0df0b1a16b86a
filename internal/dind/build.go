package dind

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	applyapps "k8s.io/client-go/applyconfigurations/apps/v1"
	applybatch "k8s.io/client-go/applyconfigurations/batch/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applynetworking "k8s.io/client-go/applyconfigurations/networking/v1"
	applystorage "k8s.io/client-go/applyconfigurations/storage/v1"
)

// Live is what must be carried over from the cluster, because the API refuses
// to change it or because the user grew it. Either may be nil.
type Live struct {
	// Claim is the claim NAME-data, or the one that ExistingClaim names.
	Claim *corev1.PersistentVolumeClaim
	// Deployment is the Deployment NAME.
	Deployment *appsv1.Deployment
}

// Objects are the objects of one installation; nil means not wanted.
type Objects struct {
	StorageClass  *applystorage.StorageClassApplyConfiguration
	Volume        *applycore.PersistentVolumeApplyConfiguration
	Claim         *applycore.PersistentVolumeClaimApplyConfiguration
	Config        *applycore.ConfigMapApplyConfiguration
	Deployment    *applyapps.DeploymentApplyConfiguration
	Service       *applycore.ServiceApplyConfiguration
	CronJob       *applybatch.CronJobApplyConfiguration
	NetworkPolicy *applynetworking.NetworkPolicyApplyConfiguration
}

// Build validates the options and gives the objects they ask for. Its error is
// Problems, or nil.
func Build(o Options, live Live) (Objects, error) {
	if err := o.Validate(); err != nil {
		return Objects{}, err
	}
	return Objects{}, nil
}

// YAML renders the objects in the order in which they are best applied.
func (o Objects) YAML() ([]byte, error) {
	return nil, nil
}
