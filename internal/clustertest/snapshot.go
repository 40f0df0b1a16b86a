package clustertest

import (
	"errors"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	core = corev1.SchemeGroupVersion
	pods = core.WithResource("pods")
	jobs = batchv1.SchemeGroupVersion.WithResource("jobs")
)

// Snapshot caches the objects of an installation with the default options, because
// the fake API server applies objects slowly.
type Snapshot struct {
	once    sync.Once
	objects []runtime.Object
	err     error
}

// Of returns copies of the objects of the installation in namespace ci. The first
// call calls install to create them.
func (s *Snapshot) Of(t *testing.T, name string, install func() *Server) []runtime.Object {
	t.Helper()
	s.once.Do(func() {
		server := install()
		for _, object := range []struct {
			resource schema.GroupVersionResource
			suffix   string
		}{
			{core.WithResource("persistentvolumeclaims"), "-data"}, {core.WithResource("configmaps"), "-config"},
			{core.WithResource("services"), ""}, {core.WithResource("services"), "-pods"}, {pods, "-abc-1"},
			{appsv1.SchemeGroupVersion.WithResource("deployments"), ""},
			{batchv1.SchemeGroupVersion.WithResource("cronjobs"), "-clear-cache"},
			{networkingv1.SchemeGroupVersion.WithResource("networkpolicies"), ""},
			{discoveryv1.SchemeGroupVersion.WithResource("endpointslices"), "-x"},
		} {
			found, err := server.Tracker().Get(object.resource, "ci", name+object.suffix)
			s.objects, s.err = append(s.objects, found), errors.Join(s.err, err)
		}
	})
	if s.err != nil {
		t.Fatal(s.err)
	}
	copies := make([]runtime.Object, len(s.objects))
	for i, object := range s.objects {
		copies[i] = object.DeepCopyObject()
	}
	return copies
}
