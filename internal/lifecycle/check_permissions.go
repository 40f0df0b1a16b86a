package lifecycle

import (
	"slices"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
)

// grant is one line of the Role: what dindctl asks of a resource, and for what.
type grant struct {
	group, resource string
	verbs           []string
	clusterScoped   bool
	// optional is what goes without when the permission is missing; empty for
	// what no command can do without.
	optional string
	// wanted tells whether these options ask for it; nil is always. Where they
	// do not, otherwise are the verbs that remain.
	wanted    func(dind.Options, InstallOptions) bool
	otherwise []string
}

// verbsFor are the verbs that these options need; none where they need nothing.
func (g grant) verbsFor(o dind.Options, how InstallOptions) []string {
	if g.wanted != nil && !g.wanted(o, how) {
		return g.otherwise
	}
	return g.verbs
}

// grants are all permissions that dindctl uses. The verbs go with how it works:
// objects are read (get), written with server-side apply (patch, and create
// where there is none), followed by name (watch) and deleted.
func grants() []grant {
	object := []string{"get", "watch", "create", "patch", "delete"}
	// Looked for, and removed, whatever the options: an earlier install may
	// have made them.
	former := []string{"get", "watch", "delete"}
	local := func(o dind.Options, _ InstallOptions) bool { return o.LocalPath != "" }
	return []grant{
		{resource: "persistentvolumeclaims", verbs: object},
		{resource: "configmaps", verbs: object},
		{resource: "services", verbs: object},
		{
			resource: "secrets", verbs: secretVerbs(), otherwise: nil,
			wanted: func(o dind.Options, _ InstallOptions) bool { return o.TLS || o.NoTLS },
		},
		{group: "apps", resource: "deployments", verbs: object},
		{
			group: "batch", resource: "cronjobs", verbs: object, otherwise: former,
			wanted: func(o dind.Options, _ InstallOptions) bool { return o.PruneSchedule != dind.NoSchedule },
		},
		{
			group: "networking.k8s.io", resource: "networkpolicies", verbs: object, otherwise: former,
			wanted: func(o dind.Options, _ InstallOptions) bool { return !o.NoNetworkPolicy },
		},
		{group: "batch", resource: "jobs", verbs: []string{"get", "list", "watch", "create", "delete"}, optional: "prune-now and verify, and removing their Jobs"},
		{resource: "pods", verbs: []string{"list", "watch"}},
		{resource: "pods/portforward", verbs: []string{"get", "create"}},
		{group: "discovery.k8s.io", resource: "endpointslices", verbs: []string{"list", "watch"}},
		{resource: "events", verbs: []string{"list", "watch"}},
		{resource: "pods/log", verbs: []string{"get"}, optional: "showing the last lines of a daemon that crashes"},
		{resource: "pods/exec", verbs: []string{"get", "create"}, optional: "showing the size of the disk in status"},
		{resource: "pods", verbs: []string{"create"}, optional: "checking beforehand that the pod is admitted (a dry run)"},
		{
			resource: "namespaces", verbs: []string{"get", "create"}, clusterScoped: true,
			wanted: func(_ dind.Options, how InstallOptions) bool { return how.CreateNamespace },
		},
		{group: "storage.k8s.io", resource: "storageclasses", verbs: object, clusterScoped: true, wanted: local},
		{resource: "persistentvolumes", verbs: append([]string{"list"}, object...), clusterScoped: true, wanted: local},
		{
			group: "storage.k8s.io", resource: "storageclasses", verbs: []string{"list"}, clusterScoped: true,
			optional: "checking the storage class beforehand",
		},
		{
			resource: "nodes", verbs: []string{"get"}, clusterScoped: true, wanted: local,
			optional: "checking the node of a local volume beforehand",
		},
	}
}

// permissions are what the options need.
func permissions(o dind.Options, how InstallOptions) (needed []kube.Permission, optional map[kube.Permission]string) {
	optional = map[kube.Permission]string{}
	for _, g := range grants() {
		for _, verb := range g.verbsFor(o, how) {
			p := kube.Permission{Verb: verb, Group: g.group, Resource: g.resource, ClusterScoped: g.clusterScoped}
			if !slices.Contains(needed, p) {
				needed = append(needed, p)
			}
			if g.optional != "" {
				optional[p] = g.optional
			}
		}
	}
	for _, namespace := range dind.CopyNamespaces(o) {
		for _, verb := range secretVerbs() {
			needed = append(needed, kube.Permission{Verb: verb, Resource: "secrets", Namespace: namespace})
		}
	}
	return needed, optional
}

// secretVerbs are what certificates take, in the namespace of the installation
// and in those that have a copy of the clients'.
func secretVerbs() []string { return []string{"get", "create", "patch", "delete"} }
