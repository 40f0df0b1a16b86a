package cluster

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Names are the names of the objects to read; an empty one is not read.
type Names struct {
	StorageClass, PersistentVolume                                string
	Claim, ConfigMap, Deployment, Service, CronJob, NetworkPolicy string
	ServerSecret, ClientSecret                                    string
}

// Inventory is what is in the cluster under those names. nil means that there
// is no such object, or that it was not asked for.
type Inventory struct {
	StorageClass     *storagev1.StorageClass
	PersistentVolume *corev1.PersistentVolume
	Claim            *corev1.PersistentVolumeClaim
	ConfigMap        *corev1.ConfigMap
	Deployment       *appsv1.Deployment
	Service          *corev1.Service
	CronJob          *batchv1.CronJob
	NetworkPolicy    *networkingv1.NetworkPolicy
	ServerSecret     *corev1.Secret
	ClientSecret     *corev1.Secret
	// Copies are those of the client's Secret in other namespaces.
	Copies []*corev1.Secret
}

// ReadError says which object could not be read. Err is the server's answer.
type ReadError struct {
	Ref Ref
	Err error
}

func (e *ReadError) Error() string { return fmt.Sprintf("reading %s: %v", e.Ref, e.Err) }

// Unwrap gives the server's answer.
func (e *ReadError) Unwrap() error { return e.Err }

// Read gets all named objects at once. It returns the first *ReadError.
func (c *Cluster) Read(ctx context.Context, names Names) (Inventory, error) {
	var found Inventory
	group, ctx := errgroup.WithContext(ctx)
	core, ns := c.Client.CoreV1(), c.Namespace
	fetch(ctx, group, "StorageClass", "", c.Client.StorageV1().StorageClasses(), names.StorageClass, &found.StorageClass)
	fetch(ctx, group, "PersistentVolume", "", core.PersistentVolumes(), names.PersistentVolume, &found.PersistentVolume)
	fetch(ctx, group, "PersistentVolumeClaim", ns, core.PersistentVolumeClaims(ns), names.Claim, &found.Claim)
	fetch(ctx, group, "ConfigMap", ns, core.ConfigMaps(ns), names.ConfigMap, &found.ConfigMap)
	fetch(ctx, group, "Deployment", ns, c.Client.AppsV1().Deployments(ns), names.Deployment, &found.Deployment)
	fetch(ctx, group, "Service", ns, core.Services(ns), names.Service, &found.Service)
	fetch(ctx, group, "CronJob", ns, c.Client.BatchV1().CronJobs(ns), names.CronJob, &found.CronJob)
	fetch(ctx, group, "NetworkPolicy", ns, c.Client.NetworkingV1().NetworkPolicies(ns), names.NetworkPolicy, &found.NetworkPolicy)
	fetch(ctx, group, "Secret", ns, core.Secrets(ns), names.ServerSecret, &found.ServerSecret)
	fetch(ctx, group, "Secret", ns, core.Secrets(ns), names.ClientSecret, &found.ClientSecret)
	err := group.Wait()
	return found, err
}

func fetch[T, A any](ctx context.Context, group *errgroup.Group, kind, namespace string, client typedClient[T, A], name string, into **T) {
	if name == "" {
		return
	}
	group.Go(func() error {
		object, err := read(ctx, client, name)
		if err != nil {
			return &ReadError{Ref: Ref{Kind: kind, Namespace: namespace, Name: name}, Err: err}
		}
		*into = object
		return nil
	})
}

// Item is one object that was found.
type Item struct {
	Ref    Ref
	Object metav1.Object
}

// Items lists what was found, in the order in which it is best applied.
func (i Inventory) Items() []Item {
	var items []Item
	add := func(kind string, object metav1.Object) {
		items = append(items, Item{Ref{kind, object.GetNamespace(), object.GetName()}, object})
	}
	if i.StorageClass != nil {
		add("StorageClass", i.StorageClass)
	}
	if i.PersistentVolume != nil {
		add("PersistentVolume", i.PersistentVolume)
	}
	if i.Claim != nil {
		add("PersistentVolumeClaim", i.Claim)
	}
	if i.ConfigMap != nil {
		add("ConfigMap", i.ConfigMap)
	}
	for _, secret := range append([]*corev1.Secret{i.ServerSecret, i.ClientSecret}, i.Copies...) {
		if secret != nil {
			add("Secret", secret)
		}
	}
	if i.Deployment != nil {
		add("Deployment", i.Deployment)
	}
	if i.Service != nil {
		add("Service", i.Service)
	}
	if i.CronJob != nil {
		add("CronJob", i.CronJob)
	}
	if i.NetworkPolicy != nil {
		add("NetworkPolicy", i.NetworkPolicy)
	}
	return items
}

// Find gives the object with that reference, nil where there is none.
func (i Inventory) Find(ref Ref) metav1.Object {
	for _, item := range i.Items() {
		if item.Ref == ref {
			return item.Object
		}
	}
	return nil
}
