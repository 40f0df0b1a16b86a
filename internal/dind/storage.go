package dind

import (
	"encoding/json"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/dindctl/dindctl/internal/kube"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applystorage "k8s.io/client-go/applyconfigurations/storage/v1"
)

// localStorageClass makes the scheduler choose the node before a claim binds.
// All instances share it, so it carries no label of any of them: two of them
// would take it from each other with every install.
func localStorageClass() *applystorage.StorageClassApplyConfiguration {
	return applystorage.StorageClass(LocalStorageClass).
		WithLabels(map[string]string{NameLabel: NameValue, kube.ManagedByLabel: kube.ManagedByValue}).
		WithProvisioner("kubernetes.io/no-provisioner").
		WithReclaimPolicy(corev1.PersistentVolumeReclaimRetain).
		WithVolumeBindingMode(storagev1.VolumeBindingWaitForFirstConsumer)
}

// volume is a directory on one node, kept for the claim of this instance and
// kept when that claim goes.
//
// The reference to the claim has its namespace and name only. The controller
// adds uid and resourceVersion when it binds; they merge field by field (the
// API marks claimRef as granular), so applying again takes nothing back.
func (p plan) volume() *applycore.PersistentVolumeApplyConfiguration {
	return applycore.PersistentVolume(VolumeObjectName(p.Namespace, p.Name)).
		WithLabels(p.labels()).
		WithSpec(applycore.PersistentVolumeSpec().
			WithCapacity(corev1.ResourceList{corev1.ResourceStorage: p.size}).
			WithAccessModes(corev1.ReadWriteOnce).
			WithVolumeMode(corev1.PersistentVolumeFilesystem).
			WithPersistentVolumeReclaimPolicy(corev1.PersistentVolumeReclaimRetain).
			WithStorageClassName(LocalStorageClass).
			WithClaimRef(applycore.ObjectReference().WithNamespace(p.Namespace).WithName(p.claimName)).
			WithLocal(applycore.LocalVolumeSource().WithPath(p.LocalPath)).
			WithNodeAffinity(applycore.VolumeNodeAffinity().
				WithRequired(applycore.NodeSelector().
					WithNodeSelectorTerms(applycore.NodeSelectorTerm().
						WithMatchExpressions(applycore.NodeSelectorRequirement().
							WithKey(corev1.LabelHostname).
							WithOperator(corev1.NodeSelectorOpIn).
							WithValues(p.LocalNode))))))
}

// claim holds the daemon's data. Its spec cannot be changed but for growth, so
// what a live claim has is sent as it is: a second install without
// --storage-class must not be refused.
func (p plan) claim() *applycore.PersistentVolumeClaimApplyConfiguration {
	accessModes, volumeMode := []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, corev1.PersistentVolumeFilesystem
	spec := applycore.PersistentVolumeClaimSpec().
		WithResources(applycore.VolumeResourceRequirements().
			WithRequests(corev1.ResourceList{corev1.ResourceStorage: p.size}))
	switch {
	case p.LocalPath != "":
		spec.WithStorageClassName(LocalStorageClass).WithVolumeName(VolumeObjectName(p.Namespace, p.Name))
	case p.StorageClass != "":
		spec.WithStorageClassName(p.StorageClass)
	}
	if p.live != nil {
		accessModes = p.live.Spec.AccessModes
		if p.live.Spec.VolumeMode != nil {
			volumeMode = *p.live.Spec.VolumeMode
		}
		carryOver(spec, p.live)
	}
	return applycore.PersistentVolumeClaim(p.claimName, p.Namespace).
		WithLabels(p.labels()).
		WithSpec(spec.WithAccessModes(accessModes...).WithVolumeMode(volumeMode))
}

// carryOver sends again what a user or an earlier install gave the claim.
// Leaving out a field that we own would remove it, which the API refuses.
// What the cluster filled in by itself, such as the default class, belongs to
// no one; claiming it would make the second install a change.
func carryOver(spec *applycore.PersistentVolumeClaimSpecApplyConfiguration, live *corev1.PersistentVolumeClaim) {
	if live.Spec.StorageClassName != nil && owned(live, "f:storageClassName") {
		spec.WithStorageClassName(*live.Spec.StorageClassName)
	}
	if live.Spec.VolumeName != "" && owned(live, "f:volumeName") {
		spec.WithVolumeName(live.Spec.VolumeName)
	}
	if s := live.Spec.Selector; s != nil && owned(live, "f:selector") {
		spec.WithSelector(selector{s}.apply())
	}
	if s := live.Spec.DataSource; s != nil && owned(live, "f:dataSource") {
		spec.WithDataSource(applycore.TypedLocalObjectReference().WithKind(s.Kind).WithName(s.Name))
		spec.DataSource.APIGroup = s.APIGroup
	}
	if s := live.Spec.DataSourceRef; s != nil && owned(live, "f:dataSourceRef") {
		spec.WithDataSourceRef(applycore.TypedObjectReference().WithKind(s.Kind).WithName(s.Name))
		spec.DataSourceRef.APIGroup, spec.DataSourceRef.Namespace = s.APIGroup, s.Namespace
	}
}

// owned tells whether a user or a tool set this field of the claim's spec. If
// the object does not say who set what, it counts as set.
func owned(claim *corev1.PersistentVolumeClaim, field string) bool {
	if len(claim.ManagedFields) == 0 {
		return true
	}
	for _, entry := range claim.ManagedFields {
		// The binder's own entry is not a user's wish.
		if entry.Manager == "kube-controller-manager" || entry.FieldsV1 == nil {
			continue
		}
		var fields struct {
			Spec map[string]any `json:"f:spec"`
		}
		if err := json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields); err != nil {
			return true
		}
		if _, ok := fields.Spec[field]; ok {
			return true
		}
	}
	return false
}

// requestOf is the size that a claim asks for.
func requestOf(claim *corev1.PersistentVolumeClaim) resource.Quantity {
	return claim.Spec.Resources.Requests[corev1.ResourceStorage]
}

// MountedClaim returns the name of the claim that the Deployment's pods mount as
// their data, "" if there is none. The Deployment may be nil.
func MountedClaim(deployment *appsv1.Deployment) string {
	if deployment == nil {
		return ""
	}
	for _, volume := range deployment.Spec.Template.Spec.Volumes {
		if volume.Name == VolumeName && volume.PersistentVolumeClaim != nil {
			return volume.PersistentVolumeClaim.ClaimName
		}
	}
	return ""
}
