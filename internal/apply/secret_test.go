package apply

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/kube"
)

func secretIn(namespace, content string) *applycore.SecretApplyConfiguration {
	return applycore.Secret("keys", namespace).WithLabels(ours).WithData(map[string][]byte{"key.pem": []byte(content)})
}

// applyOne plans and applies one object.
func applyOne(t *testing.T, c server, want Config, live ...metav1.Object) ([]Applied, error) {
	t.Helper()
	plan, err := NewPlan(c.Cluster, []Config{want}, inventory(live...), false)
	if err != nil {
		t.Fatal(err)
	}
	return plan.Apply(t.Context(), func(Applied) {})
}

func TestApplySecret(t *testing.T) {
	t.Run("it does not exist", func(t *testing.T) {
		c := newServer()
		applied, err := applyOne(t, c, secretIn("ci", "a"))
		if err != nil || applied[0].Change != Created {
			t.Errorf("got %+v, %v", applied, err)
		}
		if diff := cmp.Diff([]string{"create secrets", "patch secrets"}, c.sent()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("somebody else creates it first", func(t *testing.T) {
		c := newServer(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "keys", Namespace: "ci"}})
		_, err := applyOne(t, c, secretIn("ci", "a"))
		if !Raced(err) || slices.Contains(c.sent(), "patch secrets") {
			t.Errorf("got %v, sent %q", err, c.sent())
		}
	})
	t.Run("somebody else changes it", func(t *testing.T) {
		live := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "keys", Namespace: "ci", Labels: ours, ResourceVersion: "7"}}
		c := newServer(live)
		var patch []byte
		c.fake().PrependReactor("patch", "secrets", func(action ktesting.Action) (bool, runtime.Object, error) {
			patch = action.(ktesting.PatchActionImpl).GetPatch()
			return true, nil, apierrors.NewConflict(schema.GroupResource{Resource: "secrets"}, "keys", errors.New("modified"))
		})
		_, err := applyOne(t, c, secretIn("ci", "a"), live)
		if !Raced(err) {
			t.Errorf("got %v", err)
		}
		var sent applycore.SecretApplyConfiguration
		if err := json.Unmarshal(patch, &sent); err != nil || sent.ResourceVersion == nil || *sent.ResourceVersion != "7" {
			t.Errorf("the request does not contain the version that was read: %v", err)
		}
	})
	t.Run("a copy in another namespace", func(t *testing.T) {
		c := newServer()
		if _, err := applyOne(t, c, secretIn("jobs", "a")); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"patch secrets"}, c.sent()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestRacedIsAboutSecrets(t *testing.T) {
	conflict := apierrors.NewConflict(schema.GroupResource{Resource: "x"}, "x", errors.New("modified"))
	for _, test := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{conflict, false},
		{&kube.ApplyError{Ref: kube.Ref{Kind: "Deployment", Namespace: "ci", Name: "d"}, Err: conflict}, false},
		{&kube.ApplyError{Ref: kube.Ref{Kind: "Secret", Namespace: "ci", Name: "d"}, Err: errForbidden}, false},
		{&kube.ApplyError{Ref: kube.Ref{Kind: "Secret", Namespace: "ci", Name: "d"}, Err: conflict}, true},
	} {
		if got := Raced(test.err); got != test.want {
			t.Errorf("Raced(%v) = %v", test.err, got)
		}
	}
}

// The original, which lists the namespaces of the copies, comes before them.
func TestCopiesComeAfterTheOriginal(t *testing.T) {
	c := newServer()
	plan, err := NewPlan(c.Cluster, []Config{secretIn("jobs", "a"), secretIn("ci", "a")}, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	c.refuse("create", "secrets", errForbidden)
	if _, err := plan.Apply(t.Context(), func(Applied) {}); err == nil {
		t.Fatal("no error")
	}
	if sent := c.sent(); slices.Contains(sent, "patch secrets") {
		t.Errorf("the copy was applied without the original: %q", sent)
	}
}
