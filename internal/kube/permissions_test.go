package kube

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
)

// authority is an API server's authorizer: the answer to a rules review, and the
// permissions that it grants in access reviews.
type authority struct {
	rules    []authorizationv1.ResourceRule
	rulesErr error
	allowed  []string // in the format of asked
	err      error    // the answer to access reviews
	failures int      // number of access reviews that get err; 0 means all

	mu    sync.Mutex
	asked []string
}

func (a *authority) cluster() *Cluster {
	client := &fake.Clientset{}
	client.AddReactor("create", "selfsubjectrulesreviews", func(action ktesting.Action) (bool, runtime.Object, error) {
		review := action.(ktesting.CreateActionImpl).Object.(*authorizationv1.SelfSubjectRulesReview).DeepCopy()
		a.note("rules of " + review.Spec.Namespace)
		review.Status.ResourceRules = a.rules
		return true, review, a.rulesErr
	})
	client.AddReactor("create", "selfsubjectaccessreviews", func(action ktesting.Action) (bool, runtime.Object, error) {
		review := action.(ktesting.CreateActionImpl).Object.(*authorizationv1.SelfSubjectAccessReview).DeepCopy()
		of := review.Spec.ResourceAttributes
		question := of.Verb + " " + of.Group + "|" + of.Resource + "|" + of.Subresource + " in " + of.Namespace
		if n := a.note(question); a.err != nil && (a.failures == 0 || n <= a.failures) {
			return true, nil, a.err
		}
		review.Status.Allowed = slices.Contains(a.allowed, question)
		return true, review, nil
	})
	return &Cluster{Client: client, Namespace: "ci"}
}

// note records a review and returns the number of access reviews.
func (a *authority) note(question string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, question)
	return len(a.asked) - 1
}

func rule(verbs, groups, resources []string, names ...string) authorizationv1.ResourceRule {
	return authorizationv1.ResourceRule{Verbs: verbs, APIGroups: groups, Resources: resources, ResourceNames: names}
}

var (
	getPods    = Permission{Verb: "get", Resource: "pods"}
	execPods   = Permission{Verb: "create", Resource: "pods/exec"}
	deployment = Permission{Verb: "patch", Group: "apps", Resource: "deployments"}
	classes    = Permission{Verb: "patch", Group: "storage.k8s.io", Resource: "storageclasses", ClusterScoped: true}
)

func TestMissing(t *testing.T) {
	one := func(s ...string) []string { return s }
	all := rule(one("*"), one("*"), one("*"))
	wanted := []Permission{getPods, execPods, deployment, classes}
	const rules = "rules of ci"
	const pods, exec, deployments, class = "get |pods| in ci", "create |pods|exec in ci", "patch apps|deployments| in ci", "patch storage.k8s.io|storageclasses| in "
	tests := []struct {
		name      string
		authority authority
		wanted    []Permission
		missing   []Permission
		asked     []string // sorted
	}{
		{"nothing wanted", authority{}, nil, nil, []string{rules}},
		{"the rules cover it", authority{rules: []authorizationv1.ResourceRule{all}}, wanted[:3], nil, []string{rules}},
		{"rule by rule", authority{rules: []authorizationv1.ResourceRule{
			rule(one("get", "list"), one(""), one("services", "pods")), rule(one("create"), one(""), one("pods/exec")), rule(one("patch"), one("apps"), one("deployments")),
		}}, wanted[:3], nil, []string{rules}},
		{"the rest is reviewed", authority{rules: []authorizationv1.ResourceRule{rule(one("get"), one(""), one("pods"))}, allowed: []string{exec}},
			wanted[:3], []Permission{deployment}, []string{exec, deployments, rules}},
		{"in the order wanted", authority{}, wanted, wanted, []string{exec, pods, deployments, class, rules}},
		{"cluster-scoped is always reviewed", authority{rules: []authorizationv1.ResourceRule{all}}, wanted, []Permission{classes}, []string{class, rules}},
		{"cluster-scoped is allowed", authority{rules: []authorizationv1.ResourceRule{all}, allowed: []string{class}}, wanted, nil, []string{class, rules}},
		{"no rules review", authority{rulesErr: errForbidden, allowed: []string{pods, exec}}, wanted[:3], []Permission{deployment}, []string{exec, pods, deployments, rules}},
	}
	for i := range tests {
		test := &tests[i]
		t.Run(test.name, func(t *testing.T) {
			missing, err := test.authority.cluster().Missing(t.Context(), test.wanted)
			if err != nil || !slices.Equal(missing, test.missing) {
				t.Errorf("got %v, %v, want %v", missing, err, test.missing)
			}
			slices.Sort(test.authority.asked)
			if !slices.Equal(test.authority.asked, test.asked) {
				t.Errorf("asked %q\nwant  %q", test.authority.asked, test.asked)
			}
		})
	}
}

func TestMissingFails(t *testing.T) {
	a := authority{err: errForbidden}
	missing, err := a.cluster().Missing(t.Context(), []Permission{getPods, deployment})
	if missing != nil || !errors.Is(err, errForbidden) {
		t.Errorf("got %v, %v", missing, err)
	}
}

func TestMissingTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := authority{err: errBusy, failures: 2, allowed: []string{"get |pods| in ci"}}
		missing, err := a.cluster().Missing(t.Context(), []Permission{getPods})
		if missing != nil || err != nil || len(a.asked) != 4 {
			t.Errorf("got %v, %v after %q", missing, err, a.asked)
		}
	})
}

// More permissions than are reviewed at the same time.
func TestMissingMany(t *testing.T) {
	var wanted []Permission
	for _, verb := range []string{"get", "list", "watch", "create", "patch", "delete"} {
		for _, resource := range []string{"pods", "services", "configmaps", "events", "persistentvolumeclaims", "pods/log"} {
			wanted = append(wanted, Permission{Verb: verb, Resource: resource})
		}
	}
	a := authority{allowed: []string{"get |pods| in ci", "delete |pods|log in ci"}}
	missing, err := a.cluster().Missing(t.Context(), wanted)
	if err != nil || !slices.Equal(missing, wanted[1:len(wanted)-1]) {
		t.Errorf("got %v, %v", missing, err)
	}
}

func TestGranted(t *testing.T) {
	one := func(s ...string) []string { return s }
	tests := []struct {
		name       string
		rule       authorizationv1.ResourceRule
		permission Permission
		want       bool
	}{
		{"named", rule(one("list", "get"), one(""), one("pods")), getPods, true},
		{"another verb", rule(one("list"), one(""), one("pods")), getPods, false},
		{"another group", rule(one("get"), one("apps"), one("pods")), getPods, false},
		{"another resource", rule(one("get"), one(""), one("services")), getPods, false},
		{"any verb", rule(one("*"), one(""), one("pods")), getPods, true},
		{"any group", rule(one("get"), one("*"), one("pods")), getPods, true},
		{"any resource", rule(one("get"), one(""), one("*")), getPods, true},
		{"some objects only", rule(one("get"), one(""), one("pods"), "one", "two"), getPods, false},
		{"some objects only, of all", rule(one("*"), one("*"), one("*"), "one"), getPods, false},
		{"the subresource", rule(one("create"), one(""), one("pods/exec")), execPods, true},
		{"that subresource of any", rule(one("create"), one(""), one("*/exec")), execPods, true},
		{"another subresource of any", rule(one("create"), one(""), one("*/log")), execPods, false},
		{"any resource has subresources", rule(one("create"), one(""), one("*")), execPods, true},
		{"the resource without its subresource", rule(one("create"), one(""), one("pods")), execPods, false},
		{"the subresource without its resource", rule(one("get"), one(""), one("pods/exec", "*/exec")), getPods, false},
		{"not a wildcard of RBAC", rule(one("create"), one(""), one("pods/*")), execPods, false},
		{"cluster-scoped", rule(one("*"), one("*"), one("*")), classes, false},
		{"cluster-scoped, named", rule(one("patch"), one("storage.k8s.io"), one("storageclasses")), classes, false},
		{"an empty rule", rule(nil, nil, nil), getPods, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rules := []authorizationv1.ResourceRule{rule(one("watch"), one(""), one("pods")), test.rule}
			if got := granted(rules, test.permission); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
	t.Run("two rules that each match a half", func(t *testing.T) {
		if granted([]authorizationv1.ResourceRule{rule(one("get"), one(""), one("services")), rule(one("list"), one(""), one("pods"))}, getPods) {
			t.Error("granted")
		}
	})
}

func TestPermissionString(t *testing.T) {
	tests := map[string]Permission{
		"get pods":                            getPods,
		"create pods/exec":                    execPods,
		"patch deployments.apps":              deployment,
		"patch storageclasses.storage.k8s.io": classes,
		"update deployments.apps/scale":       {Verb: "update", Group: "apps", Resource: "deployments/scale"},
	}
	for want, permission := range tests {
		if got := permission.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
