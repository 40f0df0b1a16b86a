package rollout

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
)

func coming(name string) *corev1.Pod {
	p := pod(name, 1)
	unready(p)
	return p
}

func TestObserved(t *testing.T) {
	pending := healthy().Claim
	pending.Status.Phase = corev1.ClaimPending
	one := func(object runtime.Object) observation { return observation{source: "pods", object: object} }
	all := func(objects ...runtime.Object) observation {
		return observation{source: "pods", complete: true, objects: objects}
	}
	tests := []struct {
		name   string
		takes  []observation
		pods   []string
		follow []types.UID
	}{
		{"pods come", []observation{one(coming("a")), one(coming("b"))}, []string{"a", "b"}, []types.UID{"a", "b"}},
		{"nothing is followed twice", []observation{one(coming("a")), one(coming("a")), all(coming("a"))}, []string{"a"}, []types.UID{"a"}},
		{"what is ready explains nothing", []observation{one(pod("a", 1))}, []string{"a"}, nil},
		{"a pod goes", []observation{one(coming("a")), {source: "pods", object: coming("a"), deleted: true}}, nil, []types.UID{"a"}},
		{"a pod went unseen", []observation{one(coming("a")), all(coming("b"))}, []string{"b"}, []types.UID{"a", "b"}},
		{"all went unseen", []observation{one(coming("a")), all()}, nil, []types.UID{"a"}},
		// What another source tells in full says nothing about pods.
		{"the claim is read again", []observation{one(coming("a")), {source: "persistentvolumeclaims", complete: true, objects: []runtime.Object{healthy().Claim}}},
			[]string{"a"}, []types.UID{"a"}},
		{"a claim that is not bound", []observation{{source: "persistentvolumeclaims", object: pending}}, nil, []types.UID{"claim"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			seen := newObserved(View{Generation: 1})
			var follow []types.UID
			for _, o := range test.takes {
				follow = append(follow, seen.take(o)...)
			}
			var pods []string
			for _, p := range seen.view().Pods {
				pods = append(pods, p.Name)
			}
			slices.Sort(pods)
			if !slices.Equal(pods, test.pods) || !slices.Equal(follow, test.follow) {
				t.Errorf("got pods %q, follow %q\nwant %q, %q", pods, follow, test.pods, test.follow)
			}
		})
	}
}

func TestDeletedMeanwhile(t *testing.T) {
	v := healthy()
	gone := func(source string, object runtime.Object) observation {
		return observation{source: source, object: object, deleted: true}
	}
	tests := []struct {
		name string
		o    observation
		want string // the object
	}{
		{"the Deployment", gone("deployments", v.Deployment), "deployment/d"},
		{"the Deployment, unseen", observation{source: "deployments", complete: true}, "deployment/d"},
		{"the claim", gone("persistentvolumeclaims", v.Claim), "persistentvolumeclaim/d-data"},
		{"the claim, unseen", observation{source: "persistentvolumeclaims", complete: true}, "persistentvolumeclaim/d-data"},
		{"the Deployment is still there", observation{source: "deployments", complete: true, objects: []runtime.Object{v.Deployment}}, ""},
		{"a change", observation{source: "deployments", object: v.Deployment}, ""},
		{"a pod", gone("pods", v.Pods[0]), ""},
		{"all pods, unseen", observation{source: "pods", complete: true}, ""},
		{"an event", gone("events", event("new", "x", "y")), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cause := deletedMeanwhile(test.o, "ci", Rollout{Deployment: v.Deployment, Claim: v.Claim})
			got := ""
			if cause != nil {
				got = cause.Object.String()
				if cause.Reason != "Deleted" || !cause.Final || cause.Object.Namespace != "ci" || cause.Hint == "" {
					t.Errorf("got %+v", cause)
				}
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// One object is known already and read again by its name: a Role that allows
// to get it may not allow to list.
func TestSingle(t *testing.T) {
	claim := claimOf("mine")
	client := fake.NewClientset(claim)
	claimsOf := client.CoreV1().PersistentVolumeClaims("ci")
	source := single("persistentvolumeclaims", claimsOf, claimsOf.Watch, "d-data", "7")
	if source.options.FieldSelector != "metadata.name=d-data" || source.options.ResourceVersion != "7" {
		t.Errorf("followed with %+v", source.options)
	}
	objects, version, err := source.list(t.Context())
	if err != nil || len(objects) != 1 || accessor(objects[0]).GetUID() != "mine" || version != "1" {
		t.Errorf("got %v at %q, %v", objects, version, err)
	}
	if err := client.Tracker().Delete(claims, "ci", "d-data"); err != nil {
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
			t.Errorf("asked to %s", action.GetVerb())
		}
	}
}
