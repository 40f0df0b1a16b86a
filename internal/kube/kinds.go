package kube

import "fmt"

// Kind is one row of the table of kinds: how the objects of a kind are read,
// applied and deleted.
type Kind struct {
	Name string
	// Namespaced kinds have their objects in a namespace.
	Namespaced bool
	// Phase is the phase of applying, from 0, in which the objects are applied.
	// Cluster-scoped storage comes first: the controllers retry a claim that they
	// saw before its class only at the next resync. Deployments come last: a pod
	// that is created before its claim or its configuration starts late, with
	// events that look like errors.
	Phase int
	// Replaceable kinds get their whole specification from dindctl. Storage does
	// not: its specification is immutable.
	Replaceable bool
	// OwnsPods is set for kinds that are deleted in the foreground: when such an
	// object is gone, its pods are gone too, and nothing writes to their volume.
	OwnsPods bool
	// Exclusive kinds hold private keys and have one author: applying fails with
	// a conflict if the object was changed after it was read.
	Exclusive bool

	client func(c *Cluster, namespace string) Client
}

// lastPhase is the highest Phase in the table.
const lastPhase = 2

// kinds is the table, in the order in which objects are best applied. Inventories
// list objects in this order.
func kinds() []Kind {
	const yes, no = true, false
	return []Kind{
		// name, namespaced, phase, replaceable, owns pods, exclusive, client
		{"StorageClass", no, 0, no, no, no, func(c *Cluster, _ string) Client { return typed(c.Client.StorageV1().StorageClasses()) }},
		{"PersistentVolume", no, 0, no, no, no, func(c *Cluster, _ string) Client { return typed(c.Client.CoreV1().PersistentVolumes()) }},
		{"PersistentVolumeClaim", yes, 1, no, no, no, func(c *Cluster, ns string) Client { return typed(c.Client.CoreV1().PersistentVolumeClaims(ns)) }},
		{"ConfigMap", yes, 1, yes, no, no, func(c *Cluster, ns string) Client { return typed(c.Client.CoreV1().ConfigMaps(ns)) }},
		{"Secret", yes, 1, yes, no, yes, func(c *Cluster, ns string) Client { return typed(c.Client.CoreV1().Secrets(ns)) }},
		{"NetworkPolicy", yes, 1, yes, no, no, func(c *Cluster, ns string) Client { return typed(c.Client.NetworkingV1().NetworkPolicies(ns)) }},
		{"Service", yes, 1, yes, no, no, func(c *Cluster, ns string) Client { return typed(c.Client.CoreV1().Services(ns)) }},
		{"PodMonitor", yes, 1, yes, no, no, func(c *Cluster, ns string) Client { return c.untyped(PodMonitors, ns) }},
		{"Deployment", yes, lastPhase, yes, yes, no, func(c *Cluster, ns string) Client { return typed(c.Client.AppsV1().Deployments(ns)) }},
		{"CronJob", yes, 1, yes, yes, no, func(c *Cluster, ns string) Client { return typed(c.Client.BatchV1().CronJobs(ns)) }},
		{"Job", yes, 1, no, yes, no, func(c *Cluster, ns string) Client { return typed(c.Client.BatchV1().Jobs(ns)) }},
	}
}

// KindOf returns the row of a kind. It panics if there is none: kinds come from
// the program, not from its input.
func KindOf(name string) Kind {
	for _, kind := range kinds() {
		if kind.Name == name {
			return kind
		}
	}
	panic(fmt.Sprintf("kube: no kind %s", name))
}

// Phases is the number of phases of applying.
const Phases = lastPhase + 1

// For returns the client for the kind and namespace of an object.
func (c *Cluster) For(ref Ref) Client { return KindOf(ref.Kind).client(c, ref.Namespace) }
