package rollout

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/kube"
)

// One object is already known, and read again by its name: a Role that grants get
// may not grant list.
func TestSingle(t *testing.T) {
	claim := healthy().Claim
	claim.ResourceVersion = "1"
	client := fake.NewClientset(claim)
	source := single(&kube.Cluster{Client: client, Namespace: "ci"}, claimRef(claim), "7")
	if source.name != "persistentvolumeclaim/d-data" || source.options.FieldSelector != "metadata.name=d-data" || source.options.ResourceVersion != "7" {
		t.Errorf("%s is followed with %+v", source.name, source.options)
	}
	objects, version, err := source.list(t.Context())
	if err != nil || len(objects) != 1 || accessor(objects[0]).GetUID() != "claim" || version != "1" {
		t.Errorf("got %v at %q, %v", objects, version, err)
	}
	if err := client.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("persistentvolumeclaims"), "ci", "d-data"); err != nil {
		t.Fatal(err)
	}
	if objects, _, err := source.list(t.Context()); err != nil || len(objects) != 0 {
		t.Errorf("gone: got %v, %v", objects, err)
	}
	client.PrependReactor("get", "*", func(ktesting.Action) (bool, runtime.Object, error) { return true, nil, errForbidden })
	if _, _, err := source.list(t.Context()); err != errForbidden {
		t.Errorf("refused: got %v", err)
	}
	for _, action := range client.Actions() {
		if action.GetVerb() != "get" {
			t.Errorf("sent %s", action.GetVerb())
		}
	}
}
