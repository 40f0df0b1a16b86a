package clustertest

import (
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/dindctl/dindctl/internal/dind"
)

// control reacts to an applied object like the controllers.
func (s *Server) control(object runtime.Object) {
	switch object := object.(type) {
	case *corev1.PersistentVolumeClaim:
		object.Status.Phase = corev1.ClaimPending
		if object.Spec.StorageClassName == nil {
			object.Spec.StorageClassName = new("standard") // like admission
		}
		if !s.Idle {
			Bind(object)
		}
	case *appsv1.Deployment:
		if !s.Idle {
			RollOut(object)
			s.Add(PodOf(object), endpointOf(object))
		}
	}
}

// DefaultClass returns the default StorageClass.
func DefaultClass() *storagev1.StorageClass {
	return &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{
		Name: "standard", Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"},
	}, Provisioner: "example.com/disk", VolumeBindingMode: new(storagev1.VolumeBindingWaitForFirstConsumer)}
}

// Bind binds a claim to a 100 GiB volume.
func Bind(claim *corev1.PersistentVolumeClaim) {
	claim.Status.Phase = corev1.ClaimBound
	claim.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("100Gi")}
}

// RollOut makes the pod of a Deployment available.
func RollOut(d *appsv1.Deployment) {
	d.Status = appsv1.DeploymentStatus{ObservedGeneration: d.Generation, Replicas: 1, UpdatedReplicas: 1, AvailableReplicas: 1}
}

// PodOf returns the pod of a Deployment. It is ready.
func PodOf(d *appsv1.Deployment) *corev1.Pod {
	labels := map[string]string{"pod-template-hash": "abc"}
	maps.Copy(labels, d.Spec.Template.Labels)
	container := corev1.Container{Name: dind.ContainerName, Image: dind.DefaultImage}
	if template := d.Spec.Template.Spec.Containers; len(template) > 0 {
		container.Env = template[0].Env
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: d.Name + "-abc-1", Namespace: d.Namespace, UID: "pod", Labels: labels,
			OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: d.Name + "-abc", Controller: new(true)}},
		},
		Spec: corev1.PodSpec{
			NodeName: "node-1", Containers: []corev1.Container{container},
			InitContainers: d.Spec.Template.Spec.InitContainers, Volumes: d.Spec.Template.Spec.Volumes,
		},
		Status: corev1.PodStatus{
			Phase:      corev1.PodRunning,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
			ContainerStatuses: []corev1.ContainerStatus{{
				Name: dind.ContainerName, Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
			}},
		},
	}
}

// endpointOf returns an EndpointSlice that routes the Service to the Deployment's
// pod.
func endpointOf(d *appsv1.Deployment) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Name: d.Name + "-x", Namespace: d.Namespace, UID: "slice",
			Labels: map[string]string{discoveryv1.LabelServiceName: d.Name},
		},
		Ports:     []discoveryv1.EndpointPort{{Port: new(dind.Port(dind.PodServesTLS(d.Spec.Template.Spec)))}},
		Endpoints: []discoveryv1.Endpoint{{TargetRef: &corev1.ObjectReference{UID: "pod"}}},
	}
}
