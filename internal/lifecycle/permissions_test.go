package lifecycle

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/kube"
)

func TestPermissionsIncludeSecretsForTLS(t *testing.T) {
	needed, _ := permissions(options(secureFor("jobs", "ci")), InstallOptions{})
	var got []string
	for _, p := range needed {
		if p.Resource == "secrets" {
			got = append(got, p.Namespace+" "+p.String())
		}
	}
	want := []string{
		" get secrets", " create secrets", " patch secrets", " delete secrets",
		"jobs get secrets", "jobs create secrets", "jobs patch secrets", "jobs delete secrets",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if needed, _ := permissions(options(nil), InstallOptions{}); slices.ContainsFunc(needed, func(p kube.Permission) bool { return p.Resource == "secrets" }) {
		t.Error("permissions for Secrets without TLS")
	}
}

// denies denies one permission, written as for kubectl auth can-i.
func denies(permission string) func(*world) {
	return func(w *world) {
		w.PrependReactor("create", "selfsubjectrulesreviews", func(ktesting.Action) (bool, runtime.Object, error) {
			return true, &authorizationv1.SelfSubjectRulesReview{}, nil
		})
		w.PrependReactor("create", "selfsubjectaccessreviews", func(action ktesting.Action) (bool, runtime.Object, error) {
			review := action.(ktesting.CreateActionImpl).GetObject().(*authorizationv1.SelfSubjectAccessReview).DeepCopy()
			a := review.Spec.ResourceAttributes
			requested := a.Verb + " " + a.Resource
			if a.Group != "" {
				requested += "." + a.Group
			}
			if a.Subresource != "" {
				requested += "/" + a.Subresource
			}
			review.Status.Allowed = requested != permission
			return true, review, nil
		})
	}
}
