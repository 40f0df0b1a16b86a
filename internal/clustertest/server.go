// Package clustertest provides a fake cluster for unit tests: an API server, some
// controllers and a Docker daemon.
package clustertest

import (
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/version"
	fakediscovery "k8s.io/client-go/discovery/fake"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
)

// Server is a fake API server whose controllers act immediately.
type Server struct {
	*fake.Clientset
	// Idle stops the controllers: claims stay pending and Deployments without
	// pods.
	Idle bool
	// JobsTake is the run time of the Jobs of RunJobs.
	JobsTake time.Duration

	controllers bool
	versions    int // the last resource version
}

// New returns a Server with these objects. It grants all permissions.
func New(t *testing.T, objects ...runtime.Object) *Server {
	t.Helper()
	s := &Server{Clientset: fake.NewClientset(objects...), controllers: true}
	s.Discovery().(*fakediscovery.FakeDiscovery).FakedServerVersion = &version.Info{GitVersion: "v1.36.3"}
	s.PrependReactor("patch", "*", s.Apply)
	s.PrependReactor("create", "selfsubjectrulesreviews", func(ktesting.Action) (bool, runtime.Object, error) {
		all := []string{"*"}
		return true, &authorizationv1.SelfSubjectRulesReview{Status: authorizationv1.SubjectRulesReviewStatus{
			ResourceRules: []authorizationv1.ResourceRule{{Verbs: all, APIGroups: all, Resources: all}},
		}}, nil
	})
	s.PrependReactor("create", "selfsubjectaccessreviews", func(ktesting.Action) (bool, runtime.Object, error) {
		return true, &authorizationv1.SelfSubjectAccessReview{Status: authorizationv1.SubjectAccessReviewStatus{Allowed: true}}, nil
	})
	s.PrependReactor("create", "pods", func(action ktesting.Action) (bool, runtime.Object, error) {
		if len(action.(ktesting.CreateActionImpl).CreateOptions.DryRun) == 0 {
			t.Error("a pod was created without dry run")
		}
		return true, action.(ktesting.CreateActionImpl).GetObject(), nil
	})
	return s
}

// NewClientset returns the clientset of a Server without controllers.
func NewClientset(objects ...runtime.Object) *fake.Clientset {
	s := &Server{Clientset: fake.NewClientset(objects...)}
	s.PrependReactor("patch", "*", s.Apply)
	return s.Clientset
}
