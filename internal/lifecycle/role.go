package lifecycle

import (
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/dind"
)

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
