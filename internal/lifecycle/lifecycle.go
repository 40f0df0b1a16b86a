// Package lifecycle holds the use cases: install, status, prune and uninstall.
// It knows the order of their steps and nothing else: what the objects are is
// dind's, how they reach the cluster is cluster's, and what is seen of it is
// the observer's. It never prints, exits, or reads flags or the environment.
package lifecycle

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/cluster"
	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/progress"
)

// Instance is one installation, which may not exist yet: the name it has or
// would have, in the namespace that the cluster connection points at.
type Instance struct {
	Cluster  *cluster.Cluster
	Name     string
	Observer progress.Observer
	// Engine connects to the Docker daemon in a pod of the namespace, by TLS with
	// these credentials, or without where there are none. It may be called for a
	// pod that is not ready yet, and connects when ready is closed; nil is a pod
	// that is. PortForward is the real one; the use cases go through the method
	// engine, which finds the credentials.
	Engine func(ctx context.Context, c *cluster.Cluster, pod string, credentials *tls.Config, ready <-chan struct{}) (Engine, error)
	// Now tells the time.
	Now func() time.Time
}

// Engine is what the use cases ask of a Docker daemon. Whoever connects closes.
type Engine interface {
	Info(context.Context) (daemon.Info, error)
	DiskUsage(context.Context) (daemon.DiskUsage, error)
	Contents(context.Context) (daemon.Contents, error)
	Activity(context.Context) (daemon.Activity, error)
	AwaitIdle(ctx context.Context, report func(daemon.Activity)) error
	Close() error
}

// NotInstalledError says that there is no installation of that name.
type NotInstalledError struct {
	Namespace, Name string
	// Claim is the cache volume that an earlier installation left; empty where
	// there is none.
	Claim string
}

func (e *NotInstalledError) Error() string {
	return fmt.Sprintf("%s is not installed in namespace %s", e.Name, e.Namespace)
}

// names are the names of all namespaced objects of the instance.
func (i Instance) names() cluster.Names {
	return cluster.Names{
		Claim:         dind.ClaimName(i.Name),
		ConfigMap:     dind.ConfigName(i.Name),
		Deployment:    i.Name,
		Service:       i.Name,
		CronJob:       dind.CronJobName(i.Name),
		NetworkPolicy: i.Name,
	}
}

// owned selects what carries the instance's labels.
func (i Instance) owned() map[string]string {
	return map[string]string{
		dind.InstanceLabel:  i.Name,
		dind.ManagedByLabel: dind.ManagedByValue,
	}
}

// find reads the installation as it is: the objects by name, and beyond them
// the claim that the Deployment really mounts and a local volume with its
// class, where there is one.
func (i Instance) find(ctx context.Context) (cluster.Inventory, error) {
	found, err := i.Cluster.Read(ctx, i.names())
	if err != nil {
		return found, err
	}
	var more cluster.Names
	if mounted := mountedClaim(found.Deployment); mounted != "" && mounted != dind.ClaimName(i.Name) {
		more.Claim = mounted
	}
	if found.Claim != nil && className(found.Claim) == dind.LocalStorageClass {
		more.PersistentVolume = dind.VolumeObjectName(i.Cluster.Namespace, i.Name)
		more.StorageClass = dind.LocalStorageClass
	}
	if more == (cluster.Names{}) {
		return found, nil
	}
	extra, err := i.Cluster.Read(ctx, more)
	found.PersistentVolume, found.StorageClass = extra.PersistentVolume, extra.StorageClass
	if more.Claim != "" {
		found.Claim = extra.Claim
	}
	return found, err
}

// installed tells whether anything but the claim is there.
func installed(found cluster.Inventory) bool {
	return found.Deployment != nil || found.Service != nil || found.CronJob != nil ||
		found.ConfigMap != nil || found.NetworkPolicy != nil
}

// notInstalled is the answer where there is nothing to look at.
func (i Instance) notInstalled(found cluster.Inventory) error {
	missing := &NotInstalledError{Namespace: i.Cluster.Namespace, Name: i.Name}
	if found.Claim != nil {
		missing.Claim = found.Claim.Name
	}
	return missing
}

// mountedClaim is the claim that the Deployment's pods mount as their data.
func mountedClaim(deployment *appsv1.Deployment) string {
	if deployment == nil {
		return ""
	}
	for _, volume := range deployment.Spec.Template.Spec.Volumes {
		if volume.Name == dind.VolumeName && volume.PersistentVolumeClaim != nil {
			return volume.PersistentVolumeClaim.ClaimName
		}
	}
	return ""
}

func className(claim *corev1.PersistentVolumeClaim) string {
	if claim.Spec.StorageClassName == nil {
		return ""
	}
	return *claim.Spec.StorageClassName
}

// lookup gives the object in the inventory for a reference, for cluster.NewPlan.
func lookup(found cluster.Inventory) func(cluster.Ref) metav1.Object {
	return func(ref cluster.Ref) metav1.Object { return found.Find(ref) }
}
