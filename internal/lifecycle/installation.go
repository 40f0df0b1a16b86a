package lifecycle

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/rollout"
)

// installation is what the cluster holds of an instance. The methods that return
// one object return nil if it does not exist or was not read.
type installation struct {
	objects   kube.Inventory
	i         Instance
	claimName string
	// secrets are those of TLS: dindctl's own, unless the options name others.
	secrets dind.CertificateSecrets
	// unread are the cluster-scoped objects that this user may not read.
	unread []*kube.ReadError
}

// objectOf returns the instance's object of that kind and name as a T.
func objectOf[T any](f installation, kind, name string) *T {
	return kube.Get[T](f.objects, f.i.Cluster.Ref(kind, name))
}

func (f installation) claim() *corev1.PersistentVolumeClaim {
	return objectOf[corev1.PersistentVolumeClaim](f, "PersistentVolumeClaim", f.claimName)
}

func (f installation) deployment() *appsv1.Deployment {
	return objectOf[appsv1.Deployment](f, "Deployment", f.i.Name)
}

func (f installation) config() *corev1.ConfigMap {
	return objectOf[corev1.ConfigMap](f, "ConfigMap", dind.ConfigName(f.i.Name))
}

func (f installation) service() *corev1.Service {
	return objectOf[corev1.Service](f, "Service", f.i.Name)
}

func (f installation) podsService() *corev1.Service {
	return objectOf[corev1.Service](f, "Service", dind.PodsServiceName(f.i.Name))
}

func (f installation) cronJob() *batchv1.CronJob {
	return objectOf[batchv1.CronJob](f, "CronJob", dind.CronJobName(f.i.Name))
}

func (f installation) networkPolicy() *networkingv1.NetworkPolicy {
	return objectOf[networkingv1.NetworkPolicy](f, "NetworkPolicy", f.i.Name)
}

func (f installation) serverSecret() *corev1.Secret { return f.secret(f.secrets.Server) }

func (f installation) clientSecret() *corev1.Secret { return f.secret(f.secrets.Client) }

// secret returns a Secret of TLS, with its data by the names of docker's files.
func (f installation) secret(one dind.CertificateSecret) *corev1.Secret {
	found := objectOf[corev1.Secret](f, "Secret", one.Name)
	if found == nil || !one.Given {
		return found
	}
	renamed := *found
	renamed.Data = one.Files(found.Data)
	return &renamed
}

// clientCopy returns the copy of the client's Secret in another namespace.
func (f installation) clientCopy(namespace string) *corev1.Secret {
	return kube.Get[corev1.Secret](f.objects, kube.Ref{Kind: "Secret", Namespace: namespace, Name: dind.ClientSecretName(f.i.Name)})
}

func (f installation) persistentVolume() *corev1.PersistentVolume {
	return objectOf[corev1.PersistentVolume](f, "PersistentVolume", dind.VolumeObjectName(f.i.Cluster.Namespace, f.i.Name))
}

func (f installation) storageClass() *storagev1.StorageClass {
	return objectOf[storagev1.StorageClass](f, "StorageClass", dind.LocalStorageClass)
}

// exists reports whether anything but the claim is there.
func (f installation) exists() bool {
	return slices.ContainsFunc(f.objects, func(item kube.Item) bool {
		return item.Ref.Namespace == f.i.Cluster.Namespace && item.Ref.Kind != "PersistentVolumeClaim" && item.Ref.Kind != "Secret"
	})
}

func (f installation) servesTLS() bool { return dind.ServesTLS(f.deployment(), f.service()) }

// notOurs returns why an object is not this installation's, "" if it is. The name alone
// does not tell: a Secret may be another installation's copy, and the name of a
// PersistentVolume is joined from two names.
func (f installation) notOurs(object metav1.Object) string {
	home, namespace := object.GetLabels()[kube.HomeLabel], object.GetNamespace()
	volume, isVolume := object.(*corev1.PersistentVolume)
	switch instance := kube.InstanceOf(object); {
	case !kube.IsManaged(object):
		return "not created by dindctl"
	case instance == "":
		return "belongs to no installation"
	case instance != f.i.Name:
		return "belongs to installation " + instance
	case home != "" && home != f.i.Cluster.Namespace, home == "" && namespace != "" && namespace != f.i.Cluster.Namespace:
		return "belongs to another installation of this name"
	case isVolume && !claimedBy(volume, f.i.Cluster.Namespace, dind.ClaimName(f.i.Name)):
		return "is not the volume of claim " + dind.ClaimName(f.i.Name)
	}
	return ""
}

// claimedBy reports whether the volume is reserved for that claim.
func claimedBy(volume *corev1.PersistentVolume, namespace, name string) bool {
	claim := volume.Spec.ClaimRef
	return claim != nil && claim.Namespace == namespace && claim.Name == name
}

// notInstalled returns the error for an installation that does not exist.
func (f installation) notInstalled() error {
	missing := &NotInstalledError{Namespace: f.i.Cluster.Namespace, Name: f.i.Name}
	if claim := f.claim(); claim != nil && f.notOurs(claim) == "" {
		missing.Claim = claim.Name
	}
	return missing
}

// state returns what readiness is computed from.
func (f installation) state(pods []corev1.Pod) rollout.State {
	state := rollout.State{Claim: f.claim(), Deployment: f.deployment(), Container: dind.ContainerName}
	for n := range pods {
		state.Pods = append(state.Pods, &pods[n])
	}
	return state
}

// labels select the Jobs of the instance and their pods, and usually the daemon's pod.
func (i Instance) labels() map[string]string {
	return map[string]string{kube.InstanceLabel: i.Name, kube.ManagedByLabel: kube.ManagedByValue}
}

func className(claim *corev1.PersistentVolumeClaim) string {
	if claim.Spec.StorageClassName == nil {
		return ""
	}
	return *claim.Spec.StorageClassName
}
