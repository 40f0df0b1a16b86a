package lifecycle

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
)

// disown removes dindctl's labels.
func disown(object metav1.Object) { object.SetLabels(map[string]string{"app": "d"}) }

// removedAndKept returns an outcome, one line for each object.
func removedAndKept(outcome Uninstallation) []string {
	var lines []string
	for _, object := range outcome.Removed {
		lines = append(lines, "- "+object.Kind+" "+object.Name)
	}
	for _, object := range outcome.Kept {
		lines = append(lines, "= "+object.Kind+" "+object.Name+": "+object.Reason)
	}
	slices.Sort(lines)
	return lines
}

var workload = []string{"- ConfigMap d-config", "- CronJob d-clear-cache", "- Deployment d", "- NetworkPolicy d", "- Service d", "- Service d-pods"}

const holdsTheCache = "holds the cache; --delete-data removes it"

func TestUninstall(t *testing.T) {
	tests := []struct {
		name       string
		options    func(*dind.Options)
		before     func(*testing.T, *world)
		deleteData bool
		want       []string
		storage    []string // deleted storage, in this order
	}{
		{"everything except the data", nil, nil, false,
			slices.Concat(workload, []string{"= PersistentVolumeClaim d-data: " + holdsTheCache}), nil},
		{"with the data", nil, nil, true,
			slices.Concat(workload, []string{"- PersistentVolumeClaim d-data"}), []string{"persistentvolumeclaims"}},
		{"a local volume is kept", local, nil, false,
			slices.Concat(workload, []string{"= PersistentVolume ci-d-data: " + holdsTheCache, "= PersistentVolumeClaim d-data: " + holdsTheCache}), nil},
		{"a local volume is deleted, its files are kept", local, nil, true,
			slices.Concat(workload, []string{"- PersistentVolume ci-d-data", "- PersistentVolumeClaim d-data", "- StorageClass dindctl-local",
				"= Files /mnt/docker: the files of a local volume stay on their node; remove them there"}),
			[]string{"persistentvolumeclaims", "persistentvolumes", "storageclasses"}},
		{"an unmanaged Deployment", nil, func(t *testing.T, w *world) {
			change(t, w, deployments, "d", func(d *appsv1.Deployment) { disown(d) })
		}, true, []string{"- ConfigMap d-config", "- CronJob d-clear-cache", "- NetworkPolicy d", "- Service d", "- Service d-pods",
			"= Deployment d: not created by dindctl", "= PersistentVolumeClaim d-data: used by deployment/d"}, nil},
		{"an unmanaged claim", nil, func(t *testing.T, w *world) {
			change(t, w, claims, "d-data", func(c *corev1.PersistentVolumeClaim) { disown(c) })
		}, true, slices.Concat(workload, []string{"= PersistentVolumeClaim d-data: not created by dindctl"}), nil},
		{"an existing claim", func(o *dind.Options) { o.ExistingClaim = "old" }, nil, true,
			slices.Concat(workload, []string{"= PersistentVolumeClaim old: given with --existing-claim, which is never deleted"}), nil},
		{"only the claim remains", nil, func(t *testing.T, w *world) {
			planned, err := w.PlanRemoval(t.Context(), false)
			if err == nil {
				_, err = w.Remove(t.Context(), planned)
			}
			if err != nil {
				t.Fatal(err)
			}
		}, false, []string{"= PersistentVolumeClaim d-data: " + holdsTheCache}, nil},
		{"some objects are missing", func(o *dind.Options) { o.PruneSchedule, o.NoNetworkPolicy = "none", true }, nil, false,
			[]string{"- ConfigMap d-config", "- Deployment d", "- Service d", "- Service d-pods", "= PersistentVolumeClaim d-data: " + holdsTheCache}, nil},
		// After an interrupted uninstall.
		{"a local volume whose claim is gone", local, func(t *testing.T, w *world) {
			if err := w.Tracker().Delete(claims, "ci", "d-data"); err != nil {
				t.Fatal(err)
			}
		}, true, slices.Concat(workload, []string{"- PersistentVolume ci-d-data", "- StorageClass dindctl-local",
			"= Files /mnt/docker: the files of a local volume stay on their node; remove them there"}),
			[]string{"persistentvolumes", "storageclasses"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := (*world)(nil)
			if test.options == nil {
				w = installedWorld(t, nil)
			} else {
				w = newWorld(t, oldClaim())
				w.install(t, options(test.options))
			}
			if test.before != nil {
				test.before(t, w)
			}
			w.reset()
			planned, err := w.PlanRemoval(t.Context(), test.deleteData)
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(test.want)
			if diff := cmp.Diff(test.want, removedAndKept(planned.Outcome())); diff != "" {
				t.Errorf("plan: %s", diff)
			}
			if got := planned.DeletesData(); got != (test.storage != nil) {
				t.Errorf("deletes data: %v", got)
			}
			if writes := w.Writes(); len(writes) > 0 {
				t.Errorf("planning sent %q", writes)
			}
			outcome, err := w.Remove(t.Context(), planned)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, removedAndKept(outcome)); diff != "" {
				t.Errorf("outcome: %s", diff)
			}
			w.checkSteps(t)
			checkDeletions(t, w, test.storage)
		})
	}
}

// checkDeletions checks that all changes were deletions with the UIDs of the planned
// objects, and that storage was deleted last, in this order.
func checkDeletions(t *testing.T, w *world, storage []string) {
	t.Helper()
	var deleted []string
	for _, action := range w.Actions() {
		switch action.GetVerb() {
		case "get", "list", "watch":
			continue
		}
		request, is := action.(ktesting.DeleteActionImpl)
		if !is {
			t.Errorf("sent %s %s", action.GetVerb(), action.GetResource().Resource)
			continue
		}
		resource := request.GetResource().Resource
		deleted = append(deleted, resource)
		uid := resource + "/" + request.GetName()
		if p := request.DeleteOptions.Preconditions; p == nil || p.UID == nil || string(*p.UID) != uid {
			t.Errorf("%s %s: deleted with %v, want UID %s", resource, request.GetName(), p, uid)
		}
	}
	last := deleted[max(0, len(deleted)-len(storage)):]
	if !slices.Equal(last, storage) {
		t.Errorf("deleted %q, want storage %q last", deleted, storage)
	}
	for _, resource := range deleted[:max(0, len(deleted)-len(storage))] {
		if strings.HasPrefix(resource, "persistent") || resource == "storageclasses" {
			t.Errorf("%s deleted", resource)
		}
	}
}

func TestUninstallDeletesLeftoverJobs(t *testing.T) {
	job := func(name string, labels map[string]string) *batchv1.Job {
		return &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: name, Labels: labels}}
	}
	w := installedWorld(t, nil)
	for _, object := range []runtime.Object{job("left", dind.Labels("d")), job("other", dind.Labels("e")), job("unmanaged", map[string]string{kube.InstanceLabel: "d"})} {
		if err := w.Tracker().Add(object); err != nil {
			t.Fatal(err)
		}
	}
	planned, err := w.PlanRemoval(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	outcome, err := w.Remove(t.Context(), planned)
	if err != nil {
		t.Fatal(err)
	}
	var removed []string
	for _, object := range outcome.Removed {
		if object.Kind == "Job" {
			removed = append(removed, object.Name)
		}
	}
	if !slices.Equal(removed, []string{"left"}) {
		t.Errorf("removed %q", removed)
	}
}

func TestUninstallFails(t *testing.T) {
	w := installedWorld(t, nil)
	planned, err := w.PlanRemoval(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	refuse(w, "delete", "services")
	outcome, err := w.Remove(t.Context(), planned)
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "service/d") {
		t.Errorf("got %v", err)
	}
	// Deleted objects are reported; the policy and storage are kept.
	want := slices.DeleteFunc(slices.Clone(workload), func(line string) bool { return strings.HasPrefix(line, "- Service") || line == "- NetworkPolicy d" })
	if diff := cmp.Diff(want, removedAndKept(outcome)); diff != "" {
		t.Error(diff)
	}
	if slices.Contains(w.Writes(), "delete persistentvolumeclaims") {
		t.Error("the claim was deleted after a failure")
	}
	w.checkSteps(t)
}
