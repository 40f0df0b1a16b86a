//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
)

// kinds holds the kinds of objects that an installation has in its namespace,
// except pods and ReplicaSets.
var kinds = map[string]schema.GroupVersionResource{
	"persistentvolumeclaim": {Version: "v1", Resource: "persistentvolumeclaims"},
	"configmap":             {Version: "v1", Resource: "configmaps"},
	"service":               {Version: "v1", Resource: "services"},
	"secret":                {Version: "v1", Resource: "secrets"},
	"deployment":            {Group: "apps", Version: "v1", Resource: "deployments"},
	"cronjob":               {Group: "batch", Version: "v1", Resource: "cronjobs"},
	"job":                   {Group: "batch", Version: "v1", Resource: "jobs"},
	"networkpolicy":         {Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"},
}

func clientFor(t *testing.T, object *unstructured.Unstructured) dynamic.ResourceInterface {
	t.Helper()
	client := got[*dynamic.DynamicClient](t)(dynamic.NewForConfig(env.config))
	switch object.GetKind() {
	case "StorageClass":
		return client.Resource(schema.GroupVersionResource{Group: "storage.k8s.io", Version: "v1", Resource: "storageclasses"})
	case "PersistentVolume":
		return client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "persistentvolumes"})
	}
	return client.Resource(kinds[strings.ToLower(object.GetKind())]).Namespace(object.GetNamespace())
}

// state changes whenever an object is written.
type state struct {
	UID             types.UID
	Generation      int64
	ResourceVersion string
}

// objects returns the objects of the namespace that have the installation's
// name, by kind and name, whatever their labels are.
func (i *installation) objects(t *testing.T) map[string]state {
	t.Helper()
	found := map[string]state{}
	for name, state := range objectsIn(t, i.namespace) {
		_, object, _ := strings.Cut(name, "/")
		if object == i.name || strings.HasPrefix(object, i.name+"-") {
			found[name] = state
		}
	}
	return found
}

func objectsIn(t *testing.T, namespace string) map[string]state {
	t.Helper()
	client := got[metadata.Interface](t)(metadata.NewForConfig(env.config))
	found := map[string]state{}
	for kind, resource := range kinds {
		list := got[*metav1.PartialObjectMetadataList](t)(client.Resource(resource).Namespace(namespace).List(t.Context(), metav1.ListOptions{}))
		for _, object := range list.Items {
			found[kind+"/"+object.Name] = state{object.UID, object.Generation, object.ResourceVersion}
		}
	}
	delete(found, "configmap/kube-root-ca.crt") // every namespace has it
	return found
}

// leftOver returns the names of the existing objects.
func (i *installation) leftOver(t *testing.T) []string {
	t.Helper()
	var names []string
	for name := range i.objects(t) {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
