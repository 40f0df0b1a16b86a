package lifecycle

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/dindctl/dindctl/internal/apply"
)

// allObjects returns this change for each object of an install with the default
// options.
func allObjects(change string) []ObjectChange {
	return []ObjectChange{
		object("PersistentVolumeClaim", "d-data", change), object("ConfigMap", "d-config", change), object("NetworkPolicy", "d", change),
		object("Service", "d-pods", change), object("Service", "d", change), object("Deployment", "d", change), object("CronJob", "d-clear-cache", change),
	}
}

func object(kind, name, change string) ObjectChange {
	return ObjectChange{Kind: kind, Name: name, Change: change}
}

func TestSummary(t *testing.T) {
	changed := func(changes ...string) (list []ObjectChange) {
		for _, change := range changes {
			list = append(list, ObjectChange{Change: change})
		}
		return list
	}
	for want, changes := range map[string][]ObjectChange{
		"":                                   nil,
		"3 created":                          changed("created", "created", "created"),
		"1 configured, 2 unchanged":          changed("unchanged", "configured", "unchanged"),
		"2 configured, 1 created, 1 deleted": changed("deleted", "configured", "created", "configured"),
	} {
		if got := summary(changes); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Install repairs what opens the daemon, and names the other fields that somebody else set.
func TestInstallRepairsAndKeeps(t *testing.T) {
	w := installedWorld(t, nil)
	patch := func(manager, fields string) {
		t.Helper()
		_, err := w.Cluster.Client.AppsV1().Deployments("ci").Patch(t.Context(), "d", types.MergePatchType, []byte(fields), metav1.PatchOptions{FieldManager: manager})
		if err != nil {
			t.Fatal(err)
		}
	}
	patch("kubectl-edit", `{"spec":{"template":{"spec":{"nodeName":"node-1"}}}}`)
	patch("kubectl-patch", `{"spec":{"paused":true,"template":{"spec":{"hostNetwork":true}}}}`)
	w.reset()
	w.install(t, options(nil))
	messages := w.messages()
	for _, want := range []string{
		"info: deployment/d spec.paused: removed true",
		"info: deployment/d spec.template.spec.hostNetwork: removed true",
		"warning: deployment/d kept: spec.template.spec.nodeName, set by kubectl-edit",
	} {
		if !slices.Contains(messages, want) {
			t.Errorf("messages %q, want %q", messages, want)
		}
	}
	w.reset()
	for _, object := range w.install(t, options(nil)).Objects {
		if object.Change != string(apply.Unchanged) {
			t.Errorf("the second install: %+v", object)
		}
	}
}
