//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	sigsyaml "sigs.k8s.io/yaml"
)

// allow grants permissions in a namespace to a user.
func allow(t *testing.T, namespace, user string, rules []rbacv1.PolicyRule) {
	t.Helper()
	rbac := env.cluster.RbacV1()
	_, err := rbac.Roles(namespace).Create(t.Context(), &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: user}, Rules: rules}, metav1.CreateOptions{})
	must(t, err)
	_, err = rbac.RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: user},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: user},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: user}},
	}, metav1.CreateOptions{})
	must(t, err)
	last := rules[len(rules)-1]
	resource, subresource, _ := strings.Cut(last.Resources[0], "/")
	eventually(t, "the API server to know the Role", func(ctx context.Context) (bool, error) {
		review, err := env.cluster.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
			Spec: authorizationv1.SubjectAccessReviewSpec{User: user, ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: namespace, Verb: last.Verbs[0], Group: last.APIGroups[0], Resource: resource, Subresource: subresource,
			}},
		}, metav1.CreateOptions{})
		return err == nil && review.Status.Allowed, err
	})
}

// kubeconfigOf returns the kubeconfig of a user without any permissions. It is
// the cluster's own, or the administrator's with impersonation.
func kubeconfigOf(t *testing.T, user string) string {
	t.Helper()
	path := filepath.Join(filepath.Dir(env.kubeconfig), user+".yaml")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	return writeKubeconfig(t, kubeconfig{server: env.config.Host, authority: env.config.CAData, token: env.config.BearerToken, as: user})
}

// printedRoles returns the Roles that --print-role prints, decoded strictly.
func (i *installation) printedRoles(t *testing.T, options ...string) (role *rbacv1.Role, clusterRole *rbacv1.ClusterRole) {
	t.Helper()
	printed := succeed(t, i.command("check", append([]string{"--print-role"}, options...)...)...)
	equal(t, "stderr", printed.stderr, "")
	reader := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(printed.stdout)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return role, clusterRole
		}
		must(t, err)
		if len(bytes.TrimSpace(document)) == 0 {
			continue
		}
		switch object := got[runtime.Object](t)(decodeStrictly(document)).(type) {
		case *rbacv1.Role:
			equal(t, "the Role's namespace", object.Namespace, i.namespace)
			role = object
		case *rbacv1.ClusterRole:
			clusterRole = object
		default:
			t.Fatalf("--print-role printed a %T", object)
		}
	}
}

// decodeStrictly decodes a document into the API's own type and fails on
// unknown fields.
func decodeStrictly(document []byte) (runtime.Object, error) {
	object, _, err := scheme.Codecs.UniversalDeserializer().Decode(document, nil, nil)
	if err != nil {
		return nil, err
	}
	return object, sigsyaml.UnmarshalStrict(document, object)
}

// permission is one verb on one resource that a Role grants.
type permission struct {
	verb, group, resource string
	clusterWide           bool
}

func (r permission) String() string { return r.verb + " " + r.resource }

// permissionsIn returns the permissions that the Roles grant, each once.
func permissionsIn(role *rbacv1.Role, clusterRole *rbacv1.ClusterRole) (permissions []permission) {
	add := func(rules []rbacv1.PolicyRule, clusterWide bool) {
		for _, rule := range rules {
			for _, verb := range rule.Verbs {
				if r := (permission{verb, rule.APIGroups[0], rule.Resources[0], clusterWide}); !slices.Contains(permissions, r) {
					permissions = append(permissions, r)
				}
			}
		}
	}
	add(role.Rules, false)
	if clusterRole != nil {
		add(clusterRole.Rules, true)
	}
	return permissions
}

// qualified returns the resource as `kubectl auth can-i` expects it.
func qualified(r permission) string {
	if r.group == "" {
		return r.resource
	}
	resource, sub, found := strings.Cut(r.resource, "/")
	if found {
		return resource + "." + r.group + "/" + sub
	}
	return resource + "." + r.group
}

// account creates a ServiceAccount with the permissions, except one.
func (i *installation) account(t *testing.T, name string, permissions []permission, without permission) (user string) {
	t.Helper()
	rbac, namespace := env.cluster.RbacV1(), i.namespace
	var inNamespace, inCluster []rbacv1.PolicyRule
	for _, r := range permissions {
		rule := rbacv1.PolicyRule{Verbs: []string{r.verb}, APIGroups: []string{r.group}, Resources: []string{r.resource}}
		switch {
		case r == without:
		case r.clusterWide:
			inCluster = append(inCluster, rule)
		default:
			inNamespace = append(inNamespace, rule)
		}
	}
	meta := metav1.ObjectMeta{Name: name}
	subjects := []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: namespace, Name: name}}
	_, err := env.cluster.CoreV1().ServiceAccounts(namespace).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: meta}, metav1.CreateOptions{})
	must(t, err)
	_, err = rbac.Roles(namespace).Create(t.Context(), &rbacv1.Role{ObjectMeta: meta, Rules: inNamespace}, metav1.CreateOptions{})
	must(t, err)
	_, err = rbac.RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{ObjectMeta: meta, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name}}, metav1.CreateOptions{})
	must(t, err)
	// Cluster-wide objects need a unique name.
	meta.Name = namespace + "-" + name
	t.Cleanup(func() {
		_ = rbac.ClusterRoleBindings().Delete(context.Background(), meta.Name, metav1.DeleteOptions{})
		_ = rbac.ClusterRoles().Delete(context.Background(), meta.Name, metav1.DeleteOptions{})
	})
	_, err = rbac.ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: meta, Rules: inCluster}, metav1.CreateOptions{})
	must(t, err)
	_, err = rbac.ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: meta, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name}}, metav1.CreateOptions{})
	must(t, err)
	return "system:serviceaccount:" + namespace + ":" + name
}
