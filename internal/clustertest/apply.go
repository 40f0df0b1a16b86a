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

// Apply applies a patch like the API server, and then runs the controllers. A new
// object gets a UID. Only a change results in a new resource version.
func (s *Server) Apply(action ktesting.Action) (bool, runtime.Object, error) {
	patch := action.(ktesting.PatchActionImpl)
	before, _ := s.Tracker().Get(patch.GetResource(), patch.GetNamespace(), patch.GetName())
	_, after, err := ktesting.ObjectReaction(s.Tracker())(action)
	if err != nil {
		return true, nil, err
	}
	if len(patch.PatchOptions.DryRun) > 0 { // the tracker does not support it
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

// Add adds objects. It does not change existing ones.
func (s *Server) Add(objects ...runtime.Object) {
	for _, object := range objects {
		if err := s.Tracker().Add(object); err != nil && !apierrors.IsAlreadyExists(err) {
			panic(err)
		}
	}
}

// Store updates an object like a controller, which owns other fields than dindctl.
func (s *Server) Store(resource schema.GroupVersionResource, object runtime.Object, namespace string) error {
	return s.Tracker().Update(resource, object, namespace, metav1.UpdateOptions{FieldManager: "kube-controller-manager"})
}

// Change changes an object in namespace ci without a request.
func Change[T runtime.Object](t *testing.T, s *Server, resource schema.GroupVersionResource, name string, change func(T)) {
	t.Helper()
	object, err := s.Tracker().Get(resource, "ci", name)
	if err != nil {
		t.Fatal(err)
	}
	change(object.(T))
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
	result, err := meta.Accessor(object)
	if err != nil {
		panic(err)
	}
	return result
}
