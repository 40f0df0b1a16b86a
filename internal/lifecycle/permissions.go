package lifecycle

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
)

// grant is one line of the Role: what dindctl does with a resource.
type grant struct {
	group, resource string
	verbs           []string
	clusterScoped   bool
	// optional is what needs the permission; "" if every command does.
	optional string
	// wanted reports whether these options need it; nil means always. If they do
	// not, otherwise are the verbs that remain.
	wanted    func(dind.Options, InstallOptions) bool
	otherwise []string
}

// verbsFor returns the verbs that these options need.
func (g grant) verbsFor(o dind.Options, how InstallOptions) []string {
	if g.wanted != nil && !g.wanted(o, how) {
		return g.otherwise
	}
	return g.verbs
}

// grants returns all permissions that dindctl uses: objects are read (get), applied
// (patch, and create for new ones), watched by name and deleted.
func grants() []grant {
	object := []string{"get", "watch", "create", "patch", "delete"}
	// Read and deleted with any options, because an earlier install may have created
	// them.
	former := []string{"get", "watch", "delete"}
	local := func(o dind.Options, _ InstallOptions) bool { return o.LocalPath != "" }
	tls := func(o dind.Options, _ InstallOptions) bool { return o.TLS || o.NoTLS }
	scheduled := func(o dind.Options, _ InstallOptions) bool { return o.PruneSchedule != dind.NoSchedule }
	policy := func(o dind.Options, _ InstallOptions) bool { return !o.NoNetworkPolicy }
	metrics := func(o dind.Options, _ InstallOptions) bool { return o.Metrics }
	newNamespace := func(_ dind.Options, how InstallOptions) bool { return how.CreateNamespace }
	return []grant{
		{resource: "persistentvolumeclaims", verbs: object},
		{resource: "configmaps", verbs: object},
		{resource: "services", verbs: object},
		{resource: "secrets", verbs: secretVerbs(), wanted: tls},
		{group: "apps", resource: "deployments", verbs: object},
		{group: "apps", resource: "deployments", verbs: []string{"list"}, optional: "finding out who else uses the claim, and deleting it"},
		{group: "batch", resource: "cronjobs", verbs: object, wanted: scheduled, otherwise: former},
		{group: "networking.k8s.io", resource: "networkpolicies", verbs: object, wanted: policy, otherwise: former},
		{group: "networking.k8s.io", resource: "networkpolicies", verbs: []string{"list"}, optional: "finding other policies that open the daemon's port in status"},
		{group: kube.PodMonitors.Group, resource: kube.PodMonitors.Resource, verbs: object, wanted: metrics, optional: "the PodMonitor of --metrics"},
		{group: "batch", resource: "jobs", verbs: []string{"get", "list", "watch", "create", "delete"}, optional: "prune-now and verify, and deleting their Jobs"},
		{resource: "pods", verbs: []string{"list", "watch"}},
		{resource: "pods/portforward", verbs: []string{"get", "create"}},
		{group: "discovery.k8s.io", resource: "endpointslices", verbs: []string{"list", "watch"}},
		{resource: "events", verbs: []string{"list", "watch"}},
		{resource: "pods/log", verbs: []string{"get"}, optional: "showing the last log lines of a crashed daemon"},
		{resource: "pods/exec", verbs: []string{"get", "create"}, optional: "showing the disk size in status, and waiting for pushes and pulls with --when-idle"},
		{resource: "pods", verbs: []string{"create"}, optional: "the preflight check of pod admission (a dry run)"},
		{resource: "namespaces", verbs: []string{"get", "create"}, clusterScoped: true, wanted: newNamespace},
		{group: "storage.k8s.io", resource: "storageclasses", verbs: object, clusterScoped: true, wanted: local},
		{resource: "persistentvolumes", verbs: append([]string{"list"}, object...), clusterScoped: true, wanted: local},
		{group: "storage.k8s.io", resource: "storageclasses", verbs: []string{"list"}, clusterScoped: true, optional: "the preflight check of the storage class"},
		{resource: "nodes", verbs: []string{"list"}, clusterScoped: true, optional: "the preflight check of the nodes' architectures"},
		{resource: "nodes", verbs: []string{"get"}, clusterScoped: true, wanted: local, optional: "the preflight check of a local volume's node"},
	}
}

// permissions returns what the options need, and what the optional ones are for.
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

// secretVerbs are what TLS needs in the namespace of the installation and in those
// with a copy of the client's Secret.
func secretVerbs() []string { return []string{"get", "create", "patch", "delete"} }

// roleName is the name of the printed Role and ClusterRole.
const roleName = "dindctl"

// CopyRoles returns the Roles for the other namespaces that get a copy of the
// client's Secret.
func CopyRoles(o dind.Options) []*rbacv1.Role {
	var roles []*rbacv1.Role
	for _, namespace := range dind.CopyNamespaces(o) {
		roles = append(roles, &rbacv1.Role{
			TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "Role"},
			ObjectMeta: metav1.ObjectMeta{Name: roleName, Namespace: namespace},
			Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: secretVerbs()}},
		})
	}
	return roles
}

// Roles returns the smallest Role for all commands in the namespace with these
// options, and the ClusterRole for cluster-scoped objects, nil if none is needed.
func Roles(o dind.Options, how InstallOptions) (*rbacv1.Role, *rbacv1.ClusterRole) {
	role := &rbacv1.Role{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "Role"},
		ObjectMeta: metav1.ObjectMeta{Name: roleName, Namespace: o.Namespace},
	}
	clusterRole := &rbacv1.ClusterRole{
		TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRole"},
		ObjectMeta: metav1.ObjectMeta{Name: roleName},
	}
	for _, g := range grants() {
		verbs := g.verbsFor(o, how)
		if len(verbs) == 0 {
			continue
		}
		rule := rbacv1.PolicyRule{APIGroups: []string{g.group}, Resources: []string{g.resource}, Verbs: verbs}
		if g.clusterScoped {
			clusterRole.Rules = append(clusterRole.Rules, rule)
		} else {
			role.Rules = append(role.Rules, rule)
		}
	}
	if len(clusterRole.Rules) == 0 {
		clusterRole = nil
	}
	return role, clusterRole
}
