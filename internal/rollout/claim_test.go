package rollout

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestClaimTerminating(t *testing.T) {
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "d-data"}}
	for _, none := range []*corev1.PersistentVolumeClaim{nil, claim} {
		if cause := ClaimTerminating(none); cause != nil {
			t.Errorf("got %+v", cause)
		}
	}
	claim.DeletionTimestamp = new(metav1.Now())
	for volume, patch := range map[string]string{
		"pvc-1": "kubectl patch pv pvc-1 -p ",
		"":      "kubectl patch pv $(kubectl get pvc d-data -n ci -o jsonpath={.spec.volumeName}) -p ",
	} {
		claim.Spec.VolumeName = volume
		cause := ClaimTerminating(claim)
		if cause == nil || !cause.Final || cause.Reason != "ClaimTerminating" || cause.Object.String() != "persistentvolumeclaim/d-data" {
			t.Fatalf("got %+v", cause)
		}
		if !strings.Contains(cause.Hint, patch+`'{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}'`) {
			t.Errorf("volume %q: hint %q", volume, cause.Hint)
		}
	}
}
