package apply

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applystorage "k8s.io/client-go/applyconfigurations/storage/v1"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/kube"
)

var (
	errBusy      = apierrors.NewServiceUnavailable("busy")
	errForbidden = apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New("no"))
)

// server is a connection to a cluster that sets UIDs and versions as the API server
// does: a new version only if applying changed something.
type server struct{ *kube.Cluster }

func newServer(objects ...runtime.Object) server {
	return server{&kube.Cluster{Client: clustertest.NewClientset(objects...), Namespace: "ci"}}
}

// appliedServer returns a server that has the wanted objects.
func appliedServer(t *testing.T) server {
	t.Helper()
	c := newServer()
	if _, err := plan(t, c, wanted("a")).Apply(t.Context(), func(Applied) {}); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c server) fake() *fake.Clientset { return c.Client.(*fake.Clientset) }

// sent lists the requests that change something.
func (c server) sent() []string {
	var sent []string
	for _, action := range c.fake().Actions() {
		if !slices.Contains([]string{"get", "list", "watch"}, action.GetVerb()) {
			sent = append(sent, action.GetVerb()+" "+action.GetResource().Resource)
		}
	}
	return sent
}

// refuse makes the server answer requests with the error.
func (c server) refuse(verb, resource string, err error) {
	c.fake().PrependReactor(verb, resource, func(ktesting.Action) (bool, runtime.Object, error) { return true, nil, err })
}

// ours are the labels of managed objects.
var ours = map[string]string{kube.ManagedByLabel: kube.ManagedByValue}

// wanted returns namespaced and cluster-scoped objects; data is in the ConfigMap.
func wanted(data string) []Config {
	return []Config{
		applycore.ConfigMap("config", "ci").WithLabels(ours).WithData(map[string]string{"key": data}),
		applycore.Service("service", "ci").WithLabels(ours),
		applystorage.StorageClass("class").WithLabels(ours).WithProvisioner("none"),
		applycore.PersistentVolume("volume").WithLabels(ours),
	}
}

// inventory returns the objects as if they had been read.
func inventory(objects ...metav1.Object) (found kube.Inventory) {
	for _, object := range objects {
		ref := kube.Ref{Kind: kindOf(object), Namespace: object.GetNamespace(), Name: object.GetName()}
		found = append(found, kube.Item{Ref: ref, Object: object})
	}
	return found
}

// kindOf returns the kind of an object.
func kindOf(object metav1.Object) string { return reflect.TypeOf(object).Elem().Name() }

// plan reads the live objects and returns the plan.
func plan(t *testing.T, c server, want []Config) *Plan {
	t.Helper()
	var refs []kube.Ref
	for _, config := range want {
		refs = append(refs, RefOf(config))
	}
	found, err := c.Read(t.Context(), refs...)
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPlan(c.Cluster, want, found, false)
	if err != nil {
		t.Fatal(err)
	}
	c.fake().ClearActions()
	return p
}

func outcomes(applied []Applied) []string {
	var list []string
	for _, a := range applied {
		line := a.Ref.String() + " " + string(a.Change)
		for _, field := range a.Fields {
			line += " " + field.Path
		}
		list = append(list, line)
	}
	return list
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
