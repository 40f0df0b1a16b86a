package lifecycle

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/apply"
	"github.com/dindctl/dindctl/internal/dind"
)

// A dry run does not wait, does not connect to the daemon, and changes nothing.
func TestDryRunChangesNothing(t *testing.T) {
	w := installedWorld(t, nil)
	change(t, w, deployments, "d", func(d *appsv1.Deployment) {
		d.Spec.Replicas = new(int32(3))
		pod := &d.Spec.Template.Spec
		pod.Containers = append(pod.Containers, corev1.Container{Name: "mine", Image: "busybox"})
	})
	if err := w.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("services"), "ci", "d"); err != nil {
		t.Fatal(err)
	}
	outcome, err := w.Install(t.Context(), options(func(o *dind.Options) { o.NoNetworkPolicy = true }), InstallOptions{DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	want := allObjects("unchanged")
	want[5].Change, want[5].Fields = "configured", []apply.FieldChange{
		{Path: "metadata.annotations.dindctl/options", From: "{}", To: `{"no-network-policy":true}`}, {Path: "spec.replicas", From: float64(3), To: float64(1)},
	}
	for i := range outcome.Objects {
		for k, field := range outcome.Objects[i].Fields { // numbers have different types
			outcome.Objects[i].Fields[k] = apply.FieldChange{Path: field.Path, From: number(field.From), To: number(field.To)}
		}
	}
	want[5].Unmanaged = []string{"spec.template.spec.containers[name=mine]"}
	want[4].Change = "created"
	want = append(slices.Delete(want, 2, 3), object("NetworkPolicy", "d", "deleted"))
	if diff := cmp.Diff(want, outcome.Objects); diff != "" {
		t.Error(diff)
	}
	if outcome.DryRun != "server" || outcome.Daemon != nil || len(w.Writes()) > 0 || len(w.engine.Connected) > 0 {
		t.Errorf("dry run %q, daemon %v, sent %q", outcome.DryRun, outcome.Daemon, w.Writes())
	}
	messages := w.messages()
	if last := messages[len(messages)-1]; last != "Dry run done: 1 configured, 1 created, 1 deleted, 4 unchanged; nothing was changed" {
		t.Errorf("messages %q", messages)
	}
}

func number(v any) any {
	if n, is := v.(int64); is {
		return float64(n)
	}
	return v
}
