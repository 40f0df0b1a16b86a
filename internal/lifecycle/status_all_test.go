package lifecycle

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/dind"
)

// All installations are examined: a healthy one, one of which only the Service is left,
// and one in a namespace that this user may not read.
func TestStatusAll(t *testing.T) {
	w := statusWorld(t)
	for _, namespace := range []string{"apps", "secret"} {
		w.Add(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "cache", Labels: dind.Labels("cache")}})
	}
	w.Add(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "apps", Name: "somebody-elses"}})
	refuseIn(w, "secret", "get", "services")
	all, err := w.StatusAll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, status := range all {
		state := status.Namespace + "/" + status.Name
		if status.Healthy {
			state += " healthy"
		}
		for _, problem := range status.Problems {
			state += " " + problem.Reason
		}
		got = append(got, state)
	}
	want := []string{"apps/cache Missing Missing Missing ServicePort", "ci/d healthy", "secret/cache StatusUnknown"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestStatusAllNeedsTheList(t *testing.T) {
	w := statusWorld(t)
	refuse(w, "list", "deployments")
	if all, err := w.StatusAll(t.Context()); !apierrors.IsForbidden(err) || all != nil {
		t.Errorf("got %v, %v", all, err)
	}
}
