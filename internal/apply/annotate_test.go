package apply

import (
	"errors"
	"testing"
	"testing/synctest"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/kube"
)

func TestAnnotate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{
			Name: "d", Namespace: "ci", Annotations: map[string]string{"kept": "yes", "key": "old"},
		}}
		c := newServer(d)
		failures := 1
		c.fake().PrependReactor("patch", "deployments", func(ktesting.Action) (bool, runtime.Object, error) {
			failures--
			return failures >= 0, nil, errBusy
		})
		if err := Annotate(t.Context(), c.Cluster, "d", "key", `a "value"`); err != nil {
			t.Fatal(err)
		}
		var patches []ktesting.PatchActionImpl
		for _, action := range c.fake().Actions() {
			patches = append(patches, action.(ktesting.PatchActionImpl))
		}
		if len(patches) != 2 {
			t.Fatalf("sent %v", patches)
		}
		patch := patches[1]
		const want = `{"metadata":{"annotations":{"key":"a \"value\""}}}`
		if string(patch.GetPatch()) != want || patch.GetPatchType() != types.MergePatchType ||
			patch.PatchOptions.FieldManager != "dindctl" || patch.GetNamespace() != "ci" || patch.GetName() != "d" {
			t.Errorf("sent %s to %s/%s as %s, %+v", patch.GetPatch(), patch.GetNamespace(), patch.GetName(), patch.GetPatchType(), patch.PatchOptions)
		}
		after, err := c.Client.AppsV1().Deployments("ci").Get(t.Context(), "d", metav1.GetOptions{})
		if err != nil || after.Annotations["kept"] != "yes" || after.Annotations["key"] != `a "value"` {
			t.Errorf("got %v, %v", after.Annotations, err)
		}
	})
}

func TestAnnotateFails(t *testing.T) {
	c := newServer(&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "d", Namespace: "ci"}})
	c.refuse("patch", "deployments", errForbidden)
	err := Annotate(t.Context(), c.Cluster, "d", "key", "value")
	failure, is := errors.AsType[*kube.ApplyError](err)
	if !is || failure.Ref != (kube.Ref{Kind: "Deployment", Namespace: "ci", Name: "d"}) || !errors.Is(err, errForbidden) {
		t.Errorf("got %v", err)
	}
}
