package apply

import (
	"reflect"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	applyapps "k8s.io/client-go/applyconfigurations/apps/v1"
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

// Others own a Service's external IPs, so the apply alone would keep them.
func TestExternalIPsAreRemoved(t *testing.T) {
	c := newServer(&corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "service", ResourceVersion: "1", Labels: ours},
		Spec:       corev1.ServiceSpec{ExternalIPs: []string{"203.0.113.7"}},
	})
	want := []Config{applycore.Service("service", "ci").WithLabels(ours)}
	p := plan(t, c, want)
	if p.Empty() || !p.Touches("spec.externalIPs") {
		t.Error("the plan does not remove them")
	}
	applied, err := p.Apply(t.Context(), func(Applied) {})
	if err != nil {
		t.Fatal(err)
	}
	if got := outcomes(applied); !slices.Equal(got, []string{"service/service configured spec.externalIPs"}) {
		t.Errorf("got %q", got)
	}
	if left := applied[0].Object.(*corev1.Service).Spec.ExternalIPs; len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	if again := plan(t, c, want); again.Touches("spec.externalIPs") {
		t.Error("the second plan removes them again")
	}
}

// A zero value that the API server does not store is neither a difference nor a change,
// and is sent when somebody else has set the field.
func TestZeroValuesRepairAndDoNotChange(t *testing.T) {
	labels := map[string]string{"app": "d"}
	want := []Config{applyapps.Deployment("d", "ci").WithLabels(ours).WithSpec(applyapps.DeploymentSpec().WithPaused(false).
		WithTemplate(applycore.PodTemplateSpec().WithLabels(labels).WithSpec(applycore.PodSpec().WithHostNetwork(false))))}
	c := newServer()
	if _, err := plan(t, c, want).Apply(t.Context(), func(Applied) {}); err != nil {
		t.Fatal(err)
	}
	// Those that an earlier version did not send are no change either.
	more := []Config{applyapps.Deployment("d", "ci").WithLabels(ours).WithSpec(applyapps.DeploymentSpec().WithPaused(false).WithMinReadySeconds(0).
		WithTemplate(applycore.PodTemplateSpec().WithLabels(labels).WithSpec(applycore.PodSpec().WithHostNetwork(false).WithHostPID(false))))}
	if p := plan(t, c, more); !p.Empty() {
		t.Errorf("sent by a later version: %s %+v", p.Summary(), p.steps[0].fields)
	}
	if p := plan(t, c, want); !p.Empty() {
		t.Errorf("as applied: %s %+v", p.Summary(), p.steps[0].fields)
	}
	deployments := c.Client.AppsV1().Deployments("ci")
	if _, err := deployments.Patch(t.Context(), "d", types.MergePatchType,
		[]byte(`{"spec":{"paused":true,"template":{"spec":{"hostNetwork":true}}}}`), metav1.PatchOptions{FieldManager: "kubectl-patch"}); err != nil {
		t.Fatal(err)
	}
	applied, err := plan(t, c, want).Apply(t.Context(), func(Applied) {})
	if err != nil {
		t.Fatal(err)
	}
	if got := outcomes(applied); !slices.Equal(got, []string{"deployment/d configured spec.paused spec.template.spec.hostNetwork"}) {
		t.Errorf("got %q", got)
	}
	if p := plan(t, c, want); !p.Empty() {
		t.Errorf("after the repair: %s %+v", p.Summary(), p.steps[0].fields)
	}
}

// Somebody gave the port another number: applying alone would add a second port of the
// same name, which the API server rejects.
func TestRenumbered(t *testing.T) {
	want := []applycore.ServicePortApplyConfiguration{*applycore.ServicePort().WithName("daemon").WithPort(2375).WithProtocol(corev1.ProtocolTCP)}
	port := func(name string, number int32) corev1.ServicePort {
		return corev1.ServicePort{Name: name, Port: number, Protocol: corev1.ProtocolTCP}
	}
	for name, test := range map[string]struct {
		live []corev1.ServicePort
		want []FieldChange
	}{
		"as wanted":          {live: []corev1.ServicePort{port("daemon", 2375)}},
		"another name":       {live: []corev1.ServicePort{port("other", 12375)}},
		"another number":     {[]corev1.ServicePort{port("other", 1), port("daemon", 12375)}, []FieldChange{{"spec.ports.1.port", int32(12375), int32(2375)}}},
		"the number is used": {[]corev1.ServicePort{port("other", 2375), port("daemon", 12375)}, []FieldChange{{Path: "spec.ports.1", From: port("daemon", 12375)}}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := renumbered(test.live, want); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v", got)
			}
		})
	}
}
