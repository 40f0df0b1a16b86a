package rollout

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

// Uninstall deletes only claims of dindctl, so the hint names it only for those.
func TestLostClaimHint(t *testing.T) {
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "old"}}
	claim.Status.Phase = corev1.ClaimLost
	for _, test := range []struct {
		labels map[string]string
		want   string
	}{
		{nil, "`kubectl delete pvc old -n ci`"},
		{map[string]string{kube.OwnInstanceLabel: "d"}, "`dindctl uninstall --delete-data`"},
	} {
		claim.Labels = test.labels
		if cause := claimLost(State{Claim: claim}, nil); !strings.HasPrefix(cause.Hint, test.want) {
			t.Errorf("got %q, want %q", cause.Hint, test.want)
		}
	}
}
