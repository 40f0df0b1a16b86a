package apply

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/kube"
)

// A preview says what applying would do, with dry runs of what differs only; it
// changes nothing, and goes on after a refusal.
func TestPreview(t *testing.T) {
	kept := []string{"service/service unchanged", "storageclass/class unchanged", "persistentvolume/volume unchanged"}
	tests := []struct {
		name, data, refused string
		want, sent          []string
	}{
		{"up to date", "a", "", append([]string{"configmap/config unchanged"}, kept...), nil},
		{"one differs", "b", "", append([]string{"configmap/config configured data.key"}, kept...), []string{"patch configmaps"}},
		{"refused", "b", "configmaps", append([]string{"configmap/config "}, kept...), []string{"patch configmaps"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := appliedServer(t)
			if test.refused != "" {
				c.refuse("patch", test.refused, errForbidden)
			}
			p := plan(t, c, wanted(test.data))
			got, err := p.Preview(t.Context())
			if diff := cmp.Diff(test.want, outcomes(got)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.sent, c.sent()); diff != "" {
				t.Error(diff)
			}
			for _, action := range c.fake().Actions() {
				if patch, ok := action.(ktesting.PatchActionImpl); ok && len(patch.PatchOptions.DryRun) == 0 {
					t.Errorf("%s: not a dry run", patch.GetResource().Resource)
				}
			}
			var refusal *kube.ApplyError
			if refused := errors.As(err, &refusal) && refusal.Ref.Name == "config" && errors.Is(err, errForbidden); refused != (test.refused != "") {
				t.Errorf("got %v", err)
			}
			live, err := c.Client.CoreV1().ConfigMaps("ci").Get(t.Context(), "config", metav1.GetOptions{})
			if err != nil || live.Data["key"] != "a" {
				t.Errorf("the preview changed the ConfigMap: %v, %v", live.Data, err)
			}
		})
	}
}
