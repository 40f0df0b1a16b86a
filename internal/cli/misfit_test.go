package cli

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/dind"
)

// What the cluster has and the options do not fit is no fault of the command
// line; all of it is listed, and nothing is sent.
func TestMisfit(t *testing.T) {
	labels := dind.Labels("docker-dind")
	labels[dind.VersionLabel] = "29.7.2"
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "docker-dind-data", Labels: labels},
		Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: new("standard"),
			Resources:        corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("100Gi")}},
		},
	}
	for _, output := range []string{"text", "json"} {
		w := newWorld(t, claim, clustertest.DefaultClass())
		code, stdout, stderr := w.run(t, strings.Fields("install --storage-size 1Gi --storage-class fast --image docker:26.1.5-dind -o "+output)...)
		if code != exitFailed {
			t.Errorf("got %d", code)
		}
		printed := stderr
		if output == "json" {
			printed = stdout
		}
		golden(t, "incompatible-"+output, printed)
		for _, action := range w.Actions() {
			if verb := action.GetVerb(); verb == "patch" || verb == "delete" {
				t.Errorf("sent %v", action)
			}
		}
	}
}
