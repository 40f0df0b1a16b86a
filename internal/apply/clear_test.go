package apply

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
)

// A volume whose claim was deleted becomes available to a new claim of the name; a
// volume in use does not.
func TestReleasedVolumeBecomesAvailable(t *testing.T) {
	for _, test := range []struct {
		phase corev1.PersistentVolumePhase
		sent  []string
	}{
		{corev1.VolumeReleased, []string{"patch persistentvolumes", "patch persistentvolumes"}},
		{corev1.VolumeBound, []string{"patch persistentvolumes"}},
	} {
		t.Run(string(test.phase), func(t *testing.T) {
			c := newServer(&corev1.PersistentVolume{
				ObjectMeta: metav1.ObjectMeta{Name: "volume", ResourceVersion: "1", Labels: ours},
				Spec:       corev1.PersistentVolumeSpec{ClaimRef: &corev1.ObjectReference{Name: "claim", UID: "old"}},
				Status:     corev1.PersistentVolumeStatus{Phase: test.phase},
			})
			want := []Config{applycore.PersistentVolume("volume").WithLabels(ours).WithLabels(map[string]string{"new": "x"})}
			p := plan(t, c, want)
			applied, err := p.Apply(t.Context(), func(Applied) {})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(c.sent(), test.sent) {
				t.Errorf("sent %q", c.sent())
			}
			ref := applied[0].Object.(*corev1.PersistentVolume).Spec.ClaimRef
			if free := ref.UID == ""; free != (test.phase == corev1.VolumeReleased) || ref.Name != "claim" {
				t.Errorf("bound to %+v", ref)
			}
		})
	}
}
