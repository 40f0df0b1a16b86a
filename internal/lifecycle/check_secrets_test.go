package lifecycle

import (
	"errors"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ktesting "k8s.io/client-go/testing"
)

func TestInstallFailsWithoutTheNamespaceOfACopy(t *testing.T) {
	w := newWorld(t)
	w.PrependReactor("create", "secrets", func(action ktesting.Action) (bool, runtime.Object, error) {
		if action.GetNamespace() != "nowhere" {
			return true, action.(ktesting.CreateActionImpl).GetObject(), nil
		}
		return true, nil, apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "nowhere")
	})
	_, err := w.Install(t.Context(), options(secureFor("jobs", "nowhere")), InstallOptions{})
	var failed *CheckFailedError
	if !errors.As(err, &failed) || len(failed.Failed) != 1 || !strings.Contains(failed.Failed[0].Reason, "namespace nowhere does not exist") {
		t.Fatalf("got %v", err)
	}
	if len(w.Writes()) > 0 {
		t.Errorf("sent %q", w.Writes())
	}
}
