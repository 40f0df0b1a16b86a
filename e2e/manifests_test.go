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

	equal(t, "number of objects", len(serverSideApply(t, r.stdout, "dindctl")), 7)
	again := decode[installed](t, succeed(t, i.command("install", i.installOptions("-o", "json")...)...))
	equal(t, "changes", again.changes(), []string{"unchanged"})
	i.variables = again.Variables
	i.job(t, "docker version").want(t)
	succeed(t, i.command("uninstall", "--delete-data", "--yes")...)
	equal(t, "remaining objects", i.leftOver(t), nil)
}

// Objects that another tool applied from the manifests, with another field
// manager, do not differ when it applies them again, and keep working with dindctl:
// nothing is duplicated or refused.
func TestManifestsAppliedByAnotherTool(t *testing.T) {
	t.Parallel()
	i := newInstallation(t, env.newest())
	createNamespace(t, i.namespace)
	apply := func() map[string]string {
		return serverSideApply(t, succeed(t, i.command("manifests", i.installOptions()...)...).stdout, "gitops")
	}
	apply()
	i.awaitPod(t, "")
	i.settle(t)
	equal(t, "versions after applying the same again", apply(), apply())
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
// returns the version of each object.
func serverSideApply(t *testing.T, documents, manager string) map[string]string {
	t.Helper()
	versions := map[string]string{}
	groups := got[[]*restmapper.APIGroupResources](t)(restmapper.GetAPIGroupResources(env.cluster.Discovery()))
	mapper := restmapper.NewDiscoveryRESTMapper(groups)
	client := got[dynamic.Interface](t)(dynamic.NewForConfig(env.config))
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(documents), 4096)
	for {
		var object unstructured.Unstructured
		err := decoder.Decode(&object)
		if errors.Is(err, io.EOF) {
			return versions
		}
		must(t, err)
		if len(object.Object) == 0 {
			continue
		}
		kind := object.GroupVersionKind()
		mapping := got[*meta.RESTMapping](t)(mapper.RESTMapping(kind.GroupKind(), kind.Version))
		applied, err := client.Resource(mapping.Resource).Namespace(object.GetNamespace()).
			Apply(t.Context(), object.GetName(), &object, metav1.ApplyOptions{FieldManager: manager})
		must(t, err)
		versions[object.GetKind()+" "+object.GetName()] = applied.GetResourceVersion()
	}
}
