package rollout

import (
	"errors"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/kube"
)

// eventServer returns a cluster that has one event for each UID, and adds the
// selectors of requests to asked.
func eventServer(asked *[]string) *kube.Cluster {
	client := &fake.Clientset{}
	client.AddReactor("list", "events", func(action ktesting.Action) (bool, runtime.Object, error) {
		selector := action.(ktesting.ListActionImpl).ListOptions.FieldSelector
		*asked = append(*asked, selector)
		return true, &corev1.EventList{Items: []corev1.Event{{ObjectMeta: metav1.ObjectMeta{Name: selector}}}}, nil
	})
	return &kube.Cluster{Client: client, Namespace: "ci"}
}

func TestEvents(t *testing.T) {
	tests := []struct {
		name   string
		damage func(*State)
		want   []string
	}{
		{"of the pod", func(*State) {}, []string{"involvedObject.uid=new"}},
		{"of the claim too, if it is not bound", func(v *State) { v.Claim.Status.Phase = corev1.ClaimPending },
			[]string{"involvedObject.uid=claim", "involvedObject.uid=new"}},
		{"only of the newest pod", func(v *State) { v.Pods = append(v.Pods, pod("old", 100)) }, []string{"involvedObject.uid=new"}},
		{"only of the claim", func(v *State) { v.Claim.Status.Phase, v.Pods = corev1.ClaimLost, nil }, []string{"involvedObject.uid=claim"}},
		{"of nothing", func(v *State) { *v = State{} }, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := healthy()
			test.damage(&v)
			var asked []string
			events, err := Events(t.Context(), eventServer(&asked), v)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, event := range events {
				got = append(got, event.Name)
			}
			slices.Sort(asked)
			if !slices.Equal(asked, test.want) || !slices.Equal(got, test.want) {
				t.Errorf("asked %q, got %q, want %q", asked, got, test.want)
			}
		})
	}
}

func TestEventsFails(t *testing.T) {
	client := &fake.Clientset{}
	client.AddReactor("list", "events", func(ktesting.Action) (bool, runtime.Object, error) { return true, nil, errForbidden })
	events, err := Events(t.Context(), &kube.Cluster{Client: client, Namespace: "ci"}, healthy())
	if events != nil || !errors.Is(err, errForbidden) || text(err) != "reading event/*: pods is forbidden: no" {
		t.Errorf("got %v, %v", events, err)
	}
}

func TestEventSources(t *testing.T) {
	sources := eventSources(&kube.Cluster{Client: &fake.Clientset{}, Namespace: "ci"}, []types.UID{"a", "b"})
	for i, want := range []string{"involvedObject.uid=a", "involvedObject.uid=b"} {
		if got := sources[i]; got.name != "events" || got.options.FieldSelector != want || got.open == nil {
			t.Errorf("got %+v, want %s", got, want)
		}
	}
}
