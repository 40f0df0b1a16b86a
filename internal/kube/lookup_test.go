package kube

import (
	"errors"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
)

func TestEnsureNamespace(t *testing.T) {
	namespaces := schema.GroupResource{Resource: "namespaces"}
	exists := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ci"}}
	forbidden := apierrors.NewForbidden(namespaces, "ci", errors.New("no"))
	refuse := func(verb string, err error) func(*fake.Clientset) {
		return func(client *fake.Clientset) {
			client.PrependReactor(verb, "namespaces", func(ktesting.Action) (bool, runtime.Object, error) { return true, nil, err })
		}
	}
	tests := []struct {
		name    string
		there   []runtime.Object
		before  func(*fake.Clientset)
		created bool
		want    string
		verbs   []string
	}{
		{"missing", nil, func(*fake.Clientset) {}, true, "", []string{"create"}},
		{"it exists", []runtime.Object{exists}, func(*fake.Clientset) {}, false, "", []string{"create"}},
		{"it exists, not allowed to create", []runtime.Object{exists}, refuse("create", forbidden), false, "", []string{"create", "get"}},
		{"missing, not allowed to create", nil, refuse("create", forbidden), false,
			`applying namespace/ci: namespaces "ci" is forbidden: no`, []string{"create", "get"}},
		{"not allowed to get or create", []runtime.Object{exists}, func(client *fake.Clientset) {
			refuse("create", forbidden)(client)
			refuse("get", forbidden)(client)
		}, false, `applying namespace/ci: namespaces "ci" is forbidden: no`, []string{"create", "get"}},
		{"refused for another reason", nil, refuse("create", apierrors.NewBadRequest("bad")), false, "applying namespace/ci: bad", []string{"create"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client := fake.NewClientset(test.there...)
			test.before(client)
			created, err := (&Cluster{Client: client, Namespace: "ci"}).EnsureNamespace(t.Context())
			if created != test.created || text(err) != test.want {
				t.Errorf("got %v, %q, want %v, %q", created, text(err), test.created, test.want)
			}
			var verbs []string
			for _, action := range client.Actions() {
				verbs = append(verbs, action.GetVerb())
			}
			if !slices.Equal(verbs, test.verbs) {
				t.Errorf("sent %q, want %q", verbs, test.verbs)
			}
		})
	}
}

func TestNamespaceMissing(t *testing.T) {
	namespaces, pods := schema.GroupResource{Resource: "namespaces"}, schema.GroupResource{Resource: "pods"}
	tests := []struct {
		name string
		err  error
		want bool
	}{
		{"the namespace", apierrors.NewNotFound(namespaces, "ci"), true},
		{"wrapped", &ApplyError{Ref: Ref{"Service", "ci", "d"}, Err: apierrors.NewNotFound(namespaces, "ci")}, true},
		{"an object in it", apierrors.NewNotFound(pods, "ci"), false},
		{"no access to it", apierrors.NewForbidden(namespaces, "ci", errors.New("no")), false},
		{"without details", &apierrors.StatusError{ErrStatus: metav1.Status{Reason: metav1.StatusReasonNotFound, Code: 404}}, false},
		{"no answer at all", errRefusedConnection, false},
		{"nothing", nil, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := NamespaceMissing(test.err); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
