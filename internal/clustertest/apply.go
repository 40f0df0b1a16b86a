package clustertest

import (
	"strconv"
	"testing"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	ktesting "k8s.io/client-go/testing"
)

// Apply applies a patch as the API server does, and lets the controllers act.
// An object gets a UID, and a new version only where applying changed something.
func (s *Server) Apply(action ktesting.Action) (bool, runtime.Object, error) {
	patch := action.(ktesting.PatchActionImpl)
	before, _ := s.Tracker().Get(patch.GetResource(), patch.GetNamespace(), patch.GetName())
	_, after, err := ktesting.ObjectReaction(s.Tracker())(action)
	if err != nil {
		return true, nil, err
	}
	if len(patch.PatchOptions.DryRun) > 0 { // which the tracker does not know
		if before == nil {
			return true, after, s.Tracker().Delete(patch.GetResource(), patch.GetNamespace(), patch.GetName())
		}
		return true, after, s.Tracker().Update(patch.GetResource(), before, patch.GetNamespace())
	}
	if before != nil && same(before, after) {
		return true, after, nil
	}
	object := accessor(after)
	version, _ := strconv.Atoi(object.GetResourceVersion())
	s.versions = max(s.versions, version) + 1
	object.SetResourceVersion(strconv.Itoa(s.versions))
	object.SetGeneration(object.GetGeneration() + 1)
	if before == nil {
		object.SetUID(types.UID(patch.GetResource().Resource + "/" + patch.GetName()))
	}
	if s.controllers {
		s.control(after)
	}
	return true, after, s.Store(patch.GetResource(), after, patch.GetNamespace())
}

// Add puts objects beside what is there; those that are there already stay.
func (s *Server) Add(objects ...runtime.Object) {
	for _, object := range objects {
		if err := s.Tracker().Add(object); err != nil && !apierrors.IsAlreadyExists(err) {
			panic(err)
		}
	}
}

// Store writes as a controller, which owns other fields than dindctl does.
func (s *Server) Store(resource schema.GroupVersionResource, object runtime.Object, namespace string) error {
	return s.Tracker().Update(resource, object, namespace, metav1.UpdateOptions{FieldManager: "kube-controller-manager"})
}

// Change alters an object of namespace ci behind the client's back.
func Change[T runtime.Object](t *testing.T, s *Server, resource schema.GroupVersionResource, name string, alter func(T)) {
	t.Helper()
	object, err := s.Tracker().Get(resource, "ci", name)
	if err != nil {
		t.Fatal(err)
	}
	alter(object.(T))
	if err := s.Store(resource, object, "ci"); err != nil {
		t.Fatal(err)
	}
}

func same(before, after runtime.Object) bool {
	a, b := before.DeepCopyObject(), after.DeepCopyObject()
	accessor(a).SetManagedFields(nil)
	accessor(b).SetManagedFields(nil)
	return equality.Semantic.DeepEqual(a, b)
}

func accessor(object runtime.Object) metav1.Object {
	found, err := meta.Accessor(object)
	if err != nil {
		panic(err)
	}
	return found
}
