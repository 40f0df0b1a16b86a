package rollout

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

func coming(name string) *corev1.Pod {
	p := pod(name, 1)
	unready(p)
	return p
}

func TestTracker(t *testing.T) {
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
		{"pods are created", []observation{one(coming("a")), one(coming("b"))}, []string{"a", "b"}, []types.UID{"a", "b"}},
		{"events are followed once", []observation{one(coming("a")), one(coming("a")), all(coming("a"))}, []string{"a"}, []types.UID{"a"}},
		{"events of ready pods are not followed", []observation{one(pod("a", 1))}, []string{"a"}, nil},
		{"a pod is deleted", []observation{one(coming("a")), {source: "pods", object: coming("a"), deleted: true}}, nil, []types.UID{"a"}},
		{"a pod was deleted between two watches", []observation{one(coming("a")), all(coming("b"))}, []string{"b"}, []types.UID{"a", "b"}},
		{"all were deleted between two watches", []observation{one(coming("a")), all()}, nil, []types.UID{"a"}},
		// The whole state of another source does not include the pods.
		{"the claim is read again", []observation{one(coming("a")), {source: "persistentvolumeclaim/d-data", complete: true, objects: []runtime.Object{healthy().Claim}}},
			[]string{"a"}, []types.UID{"a"}},
		{"a claim that is not bound", []observation{{source: "persistentvolumeclaim/d-data", object: pending}}, nil, []types.UID{"claim"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			seen := newTracker(State{Generation: 1})
			var follow []types.UID
			for _, o := range test.takes {
				follow = append(follow, seen.add(o)...)
			}
			var pods []string
			for _, p := range seen.state().Pods {
				pods = append(pods, p.Name)
			}
			slices.Sort(pods)
			if !slices.Equal(pods, test.pods) || !slices.Equal(follow, test.follow) {
				t.Errorf("got pods %q, follow %q\nwant %q, %q", pods, follow, test.pods, test.follow)
			}
		})
	}
}
