package dind

import (
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applystorage "k8s.io/client-go/applyconfigurations/storage/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

// localStorageClass returns the StorageClass that makes the scheduler choose the node
// before a claim binds. All instances share it, so it has no instance label.
func localStorageClass() *applystorage.StorageClassApplyConfiguration {
	return applystorage.StorageClass(LocalStorageClass).
		WithLabels(map[string]string{NameLabel: NameValue, kube.ManagedByLabel: kube.ManagedByValue}).
		WithProvisioner("kubernetes.io/no-provisioner").
		WithReclaimPolicy(corev1.PersistentVolumeReclaimRetain).
		WithVolumeBindingMode(storagev1.VolumeBindingWaitForFirstConsumer)
}

// keep are annotations that keep Argo CD and Flux from deleting storage that is no
// longer in a repository, or whose application is deleted. See
// https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/ and
// https://fluxcd.io/flux/components/kustomize/kustomizations/#prune
func keep() map[string]string {
	return map[string]string{
		"argocd.argoproj.io/sync-options":   "Prune=false,Delete=false",
		"kustomize.toolkit.fluxcd.io/prune": "disabled",
	}
}

// volume returns a PersistentVolume for a directory on one node. It is reserved for
// this instance's claim and outlives it.
//
// claimRef has the claim's namespace and name. When the controller binds the claim, it
// adds uid and resourceVersion; a second apply keeps them, because claimRef is granular.
func (p plan) volume() *applycore.PersistentVolumeApplyConfiguration {
	return applycore.PersistentVolume(VolumeObjectName(p.Namespace, p.Name)).
		WithLabels(p.labels()).
		WithAnnotations(keep()).
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
							WithKey(corev1.LabelHostname).WithOperator(corev1.NodeSelectorOpIn).WithValues(p.Node()))))))
}

// claim returns the claim for the daemon's data. A claim's spec is immutable except for
// its size, so the claim keeps the spec of the live one: a second install without
// --storage-class must succeed.
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
		WithAnnotations(keep()).
		WithSpec(spec.WithAccessModes(accessModes...).WithVolumeMode(volumeMode))
}

// carryOver copies the fields that a user or an earlier install set on the claim:
// omitting a field that dindctl owns would remove it, which the API rejects. It skips
// fields that the cluster set, such as the default class: setting them would be a change.
func carryOver(spec *applycore.PersistentVolumeClaimSpecApplyConfiguration, live *corev1.PersistentVolumeClaim) {
	if live.Spec.StorageClassName != nil && claimFieldSet(live, "f:storageClassName") {
		spec.WithStorageClassName(*live.Spec.StorageClassName)
	}
	if live.Spec.VolumeName != "" && claimFieldSet(live, "f:volumeName") {
		spec.WithVolumeName(live.Spec.VolumeName)
	}
	if s := live.Spec.Selector; s != nil && claimFieldSet(live, "f:selector") {
		spec.WithSelector(applySelector(s))
	}
	if s := live.Spec.DataSource; s != nil && claimFieldSet(live, "f:dataSource") {
		spec.WithDataSource(applycore.TypedLocalObjectReference().WithKind(s.Kind).WithName(s.Name))
		spec.DataSource.APIGroup = s.APIGroup
	}
	if s := live.Spec.DataSourceRef; s != nil && claimFieldSet(live, "f:dataSourceRef") {
		spec.WithDataSourceRef(applycore.TypedObjectReference().WithKind(s.Kind).WithName(s.Name))
		spec.DataSourceRef.APIGroup, spec.DataSourceRef.Namespace = s.APIGroup, s.Namespace
	}
}

// claimFieldSet reports whether a user or a tool set this field of the claim's spec. It
// returns true if the claim has no usable managed fields.
func claimFieldSet(claim *corev1.PersistentVolumeClaim, field string) bool {
	if len(claim.ManagedFields) == 0 {
		return true
	}
	for _, entry := range claim.ManagedFields {
		// Skip what the controller set when it bound the claim.
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

// requestOf returns the size that a claim requests.
func requestOf(claim *corev1.PersistentVolumeClaim) resource.Quantity {
	return claim.Spec.Resources.Requests[corev1.ResourceStorage]
}
