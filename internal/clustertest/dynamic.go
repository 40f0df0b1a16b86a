package clustertest

import (
	"encoding/json"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic/fake"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/kube"
)

// NewDynamic returns a client for PodMonitors. Applying an object replaces it.
func NewDynamic() *fake.FakeDynamicClient {
	client := fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{kube.PodMonitors: "PodMonitorList"})
	client.PrependReactor("patch", kube.PodMonitors.Resource, func(action ktesting.Action) (bool, runtime.Object, error) {
		object := &unstructured.Unstructured{}
		if err := json.Unmarshal(action.(ktesting.PatchActionImpl).Patch, &object.Object); err != nil {
			return true, nil, err
		}
		object.SetUID(types.UID("podmonitors/" + object.GetName()))
		_ = client.Tracker().Delete(kube.PodMonitors, object.GetNamespace(), object.GetName())
		return true, object, client.Tracker().Add(object)
	})
	return client
}
