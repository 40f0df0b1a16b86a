package kube

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Permission is one verb on one resource, as RBAC names them.
type Permission struct {
	Verb     string
	Group    string // "" is the core group
	Resource string // with a subresource: pods/exec
	// Namespace is empty for the connection's namespace.
	Namespace string
	// ClusterScoped permissions need a ClusterRole.
	ClusterScoped bool
}

// String returns the arguments of `kubectl auth can-i`: "create deployments.apps".
func (p Permission) String() string {
	if p.Group == "" {
		return p.Verb + " " + p.Resource
	}
	resource, sub, found := strings.Cut(p.Resource, "/")
	name := p.Verb + " " + resource + "." + p.Group
	if found {
		name += "/" + sub
	}
	return name
}

// Missing returns the wanted permissions that the user does not have in the
// namespace. One rules review answers for most permissions. It may be incomplete
// if an authorizer is not RBAC, so permissions that it does not grant are reviewed
// one by one. See the API's selfsubjectrulesreviews.
func (c *Cluster) Missing(ctx context.Context, wanted []Permission) ([]Permission, error) {
	reviews := c.Client.AuthorizationV1()
	review, err := Retry(ctx, func(ctx context.Context) (*authorizationv1.SelfSubjectRulesReview, error) {
		return reviews.SelfSubjectRulesReviews().Create(ctx, &authorizationv1.SelfSubjectRulesReview{
			Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: c.Namespace},
		}, metav1.CreateOptions{})
	})
	var rules []authorizationv1.ResourceRule
	if err == nil {
		rules = review.Status.ResourceRules
	}
	doubtful := slices.DeleteFunc(slices.Clone(wanted), func(p Permission) bool { return granted(rules, p) })
	denied := make([]bool, len(doubtful))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i, permission := range doubtful {
		group.Go(func() error {
			allowed, err := c.allowed(ctx, permission)
			denied[i] = !allowed
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var missing []Permission
	for i, permission := range doubtful {
		if denied[i] {
			missing = append(missing, permission)
		}
	}
	return missing, nil
}

func (c *Cluster) allowed(ctx context.Context, p Permission) (bool, error) {
	resource, sub, _ := strings.Cut(p.Resource, "/")
	attributes := &authorizationv1.ResourceAttributes{
		Namespace: cmp.Or(p.Namespace, c.Namespace), Verb: p.Verb, Group: p.Group, Resource: resource, Subresource: sub,
	}
	if p.ClusterScoped {
		attributes.Namespace = ""
	}
	review, err := Retry(ctx, func(ctx context.Context) (*authorizationv1.SelfSubjectAccessReview, error) {
		return c.Client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: attributes},
		}, metav1.CreateOptions{})
	})
	if err != nil {
		return false, err
	}
	return review.Status.Allowed, nil
}

// granted reports whether a rule grants the permission on every object. The rules
// of a namespace say nothing about cluster-scoped resources, because the review
// does not distinguish a RoleBinding, which grants nothing there, from a
// ClusterRoleBinding. They say nothing about other namespaces either.
func granted(rules []authorizationv1.ResourceRule, p Permission) bool {
	if p.ClusterScoped || p.Namespace != "" {
		return false
	}
	for _, rule := range rules {
		if len(rule.ResourceNames) == 0 && has(rule.Verbs, p.Verb) && has(rule.APIGroups, p.Group) && hasResource(rule.Resources, p.Resource) {
			return true
		}
	}
	return false
}

func has(list []string, item string) bool {
	return slices.Contains(list, item) || slices.Contains(list, "*")
}

// hasResource also matches RBAC's "*/subresource".
func hasResource(list []string, resource string) bool {
	_, sub, isSub := strings.Cut(resource, "/")
	return has(list, resource) || (isSub && slices.Contains(list, "*/"+sub))
}
