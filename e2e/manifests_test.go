//go:build e2e

package e2e

import (
	"errors"
	"io"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
)

// manifests contacts no cluster, and prints the objects that install applies,
// ready for a server-side apply. An install afterwards finds nothing to change.
func TestManifestsAreWhatInstallApplies(t *testing.T) {
	t.Parallel()
	i := newInstallation(t, env.newest())
	createNamespace(t, i.namespace)
	kubeconfig, requests := countingServer(t)
	r := succeed(t, append(i.command("manifests", i.installOptions()...), "--kubeconfig", kubeconfig)...)
	equal(t, "stderr", r.stderr, "")
	equal(t, "requests", requests.Load(), 0)
	equal(t, "the same options print", succeed(t, i.command("manifests", i.installOptions()...)...).stdout, r.stdout)

	equal(t, "number of objects", serverSideApply(t, r.stdout, "dindctl"), 7)
	again := decode[installed](t, succeed(t, i.command("install", i.installOptions("-o", "json")...)...))
	equal(t, "changes", again.changes(), []string{"unchanged"})
	i.variables = again.Variables
	i.job(t, "docker version").want(t)
	succeed(t, i.command("uninstall", "--delete-data", "--yes")...)
	equal(t, "remaining objects", i.leftOver(t), nil)
}

// Objects that another tool applied from the manifests, with another field
// manager, keep working with dindctl: nothing is duplicated or refused.
func TestManifestsAppliedByAnotherTool(t *testing.T) {
	t.Parallel()
	i := newInstallation(t, env.newest())
	createNamespace(t, i.namespace)
	serverSideApply(t, succeed(t, i.command("manifests", i.installOptions()...)...).stdout, "gitops")
	i.install(t)
	equal(t, "containers", len(i.pod(t).Spec.Containers), 1)
	pod := i.pod(t)
	i.install(t)
	equal(t, "pod after another install", i.pod(t).UID, pod.UID)
	i.job(t, "docker version").want(t)
	succeed(t, i.command("uninstall", "--delete-data", "--yes")...)
	equal(t, "remaining objects", i.leftOver(t), nil)
}

// serverSideApply applies the documents like `kubectl apply --server-side`, and
// returns the number of objects.
func serverSideApply(t *testing.T, documents, manager string) (objects int) {
	t.Helper()
	groups := got[[]*restmapper.APIGroupResources](t)(restmapper.GetAPIGroupResources(env.cluster.Discovery()))
	mapper := restmapper.NewDiscoveryRESTMapper(groups)
	client := got[dynamic.Interface](t)(dynamic.NewForConfig(env.config))
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(documents), 4096)
	for {
		var object unstructured.Unstructured
		err := decoder.Decode(&object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		must(t, err)
		if len(object.Object) == 0 {
			continue
		}
		kind := object.GroupVersionKind()
		mapping := got[*meta.RESTMapping](t)(mapper.RESTMapping(kind.GroupKind(), kind.Version))
		_, err = client.Resource(mapping.Resource).Namespace(object.GetNamespace()).
			Apply(t.Context(), object.GetName(), &object, metav1.ApplyOptions{FieldManager: manager})
		must(t, err)
		objects++
	}
}
