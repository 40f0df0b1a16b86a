package lifecycle

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/dind"
)

// The printed Roles grant all requests of all commands.
func TestRolesGrantAllRequests(t *testing.T) {
	tests := []struct {
		name    string
		options func(*dind.Options)
		how     InstallOptions
		objects []runtime.Object
	}{
		{"defaults", nil, InstallOptions{}, nil},
		{"a new namespace", nil, InstallOptions{CreateNamespace: true}, nil},
		{"a local volume", local, InstallOptions{}, []runtime.Object{&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "worker"}}}},
		{"TLS for other namespaces", secureFor("jobs", "more"), InstallOptions{}, nil},
		{"without prune and network policy", func(o *dind.Options) { o.PruneSchedule, o.NoNetworkPolicy = "none", true }, InstallOptions{}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.objects...)
			o := options(test.options)
			role, clusterRole := Roles(o, test.how)
			if role.Namespace != "ci" {
				t.Errorf("role in namespace %q", role.Namespace)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if _, err := w.Install(ctx, o, test.how); err != nil {
				t.Fatal(err)
			}
			w.withExec(t, clustertest.Prints(clustertest.StatOutput))
			if _, err := w.Status(ctx); err != nil {
				t.Fatal(err)
			}
			if o.PruneSchedule != "none" {
				w.RunJobs(batchv1.JobComplete, corev1.PodSucceeded, freed)
				if _, err := w.PruneNow(ctx, PruneOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			planned, err := w.PlanRemoval(ctx, true)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Remove(ctx, planned); err != nil {
				t.Fatal(err)
			}
			for _, action := range w.Actions() {
				if strings.HasPrefix(action.GetResource().Resource, "selfsubject") || action.GetResource().Resource == "version" {
					continue // everyone has these permissions
				}
				rules := role.Rules
				if action.GetNamespace() != "ci" {
					rules = nil
				}
				if action.GetNamespace() == "" && clusterRole != nil {
					rules = clusterRole.Rules
				}
				for _, copyRole := range CopyRoles(o) {
					if copyRole.Namespace == action.GetNamespace() {
						rules = copyRole.Rules
					}
				}
				if !slices.ContainsFunc(rules, func(r rbacv1.PolicyRule) bool {
					resource := action.GetResource().Resource
					if sub := action.GetSubresource(); sub != "" {
						resource += "/" + sub
					}
					return slices.Contains(r.Verbs, action.GetVerb()) && slices.Contains(r.Resources, resource) && slices.Contains(r.APIGroups, action.GetResource().Group)
				}) {
					t.Errorf("%s %s/%s in %q is not granted", action.GetVerb(), action.GetResource(), action.GetSubresource(), action.GetNamespace())
				}
			}
		})
	}
}
