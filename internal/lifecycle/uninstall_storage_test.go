package lifecycle

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
)

// claimFor returns a bound claim with the labels of an installation.
func claimFor(name, instance string) *corev1.PersistentVolumeClaim {
	claim := oldClaim()
	claim.Name, claim.Labels = name, dind.Labels(instance)
	return claim
}

// podWith returns a running pod that mounts the claim, and deploymentWith a Deployment.
func podWith(claim string) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "other-pod"}}
	pod.Status.Phase = corev1.PodRunning
	pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim},
	}}}
	return pod
}

func deploymentWith(claim string) *appsv1.Deployment {
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "e"}}
	d.Spec.Template.Spec = podWith(claim).Spec
	return d
}

// deployment returns the Deployment d.
func (w *world) deployment(t *testing.T) *appsv1.Deployment {
	t.Helper()
	object, err := w.Tracker().Get(deployments, "ci", "d")
	if err != nil {
		t.Fatal(err)
	}
	return object.(*appsv1.Deployment)
}

func bigVolume(policy corev1.PersistentVolumeReclaimPolicy) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pvc-1"}, Spec: corev1.PersistentVolumeSpec{PersistentVolumeReclaimPolicy: policy}}
}

// Only the claim NAME-data of this installation is deleted, and only if nothing else
// uses it.
func TestUninstallKeepsClaims(t *testing.T) {
	existing := func(name string) func(*dind.Options) {
		return func(o *dind.Options) { o.ExistingClaim = name }
	}
	onVolume := func(w *world) {
		change(t, w, claims, "d-data", func(c *corev1.PersistentVolumeClaim) { c.Spec.VolumeName = "pvc-1" })
	}
	relabel := func(labels map[string]string) func(*world) {
		return func(w *world) {
			change(t, w, claims, "d-data", func(c *corev1.PersistentVolumeClaim) {
				for key, value := range labels {
					c.Labels[key] = value
				}
			})
		}
	}
	const given = ": given with --existing-claim, which is never deleted"
	for _, test := range []struct {
		name    string
		options func(*dind.Options)
		objects []runtime.Object
		before  func(*world)
		want    []string // about storage
	}{
		{"given, of another installation", existing("e-data"), []runtime.Object{claimFor("e-data", "e")}, nil,
			[]string{"= PersistentVolumeClaim e-data" + given}},
		{"given, with this installation's labels", existing("copy"), []runtime.Object{claimFor("copy", "d")}, nil,
			[]string{"= PersistentVolumeClaim copy" + given}},
		{"given, with this installation's name and labels", existing("d-data"), []runtime.Object{claimFor("d-data", "d")}, nil,
			[]string{"= PersistentVolumeClaim d-data" + given}},
		{"given, beside this installation's own", existing("old"), []runtime.Object{oldClaim(), claimFor("d-data", "d")}, nil,
			[]string{"- PersistentVolumeClaim d-data", "= PersistentVolumeClaim old" + given}},
		{"of another installation", nil, nil, relabel(map[string]string{kube.OwnInstanceLabel: "e"}),
			[]string{"= PersistentVolumeClaim d-data: belongs to installation e"}},
		{"rewritten by Argo CD", nil, nil, relabel(map[string]string{kube.InstanceLabel: "application"}),
			[]string{"- PersistentVolumeClaim d-data"}},
		{"used by a pod", nil, []runtime.Object{podWith("d-data")}, nil, []string{"= PersistentVolumeClaim d-data: used by pod/other-pod"}},
		{"used by another Deployment, without pods", nil, []runtime.Object{deploymentWith("d-data")}, nil,
			[]string{"= PersistentVolumeClaim d-data: used by deployment/e"}},
		{"perhaps used", nil, nil, func(w *world) { refuse(w, "list", "deployments") },
			[]string{"= PersistentVolumeClaim d-data: unknown whether something else uses it: reading deployment/*: deployments is forbidden: no"}},
		{"used locally", local, []runtime.Object{podWith("d-data")}, nil, []string{
			"= PersistentVolumeClaim d-data: used by pod/other-pod", "= PersistentVolume ci-d-data: its claim is kept", "= StorageClass dindctl-local: its claim is kept"}},
		{"on a volume that is deleted", nil, []runtime.Object{bigVolume(corev1.PersistentVolumeReclaimDelete)}, onVolume, []string{"- PersistentVolumeClaim d-data"}},
		{"on a volume that stays", nil, []runtime.Object{bigVolume(corev1.PersistentVolumeReclaimRetain)}, onVolume, []string{"- PersistentVolumeClaim d-data",
			"= PersistentVolume pvc-1: its reclaim policy is Retain: the volume stays, and the data on it; `kubectl delete pv pvc-1` deletes the object"}},
		{"on a volume that may not be read", nil, nil, func(w *world) { onVolume(w); refuse(w, "get", "persistentvolumes") }, []string{"- PersistentVolumeClaim d-data",
			"= PersistentVolume pvc-1: unknown: whether it is deleted depends on its reclaim policy, which is not readable with your permissions"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.objects...)
			w.install(t, options(test.options))
			if test.before != nil {
				test.before(w)
			}
			planned, err := w.PlanRemoval(t.Context(), true)
			if err != nil {
				t.Fatal(err)
			}
			about := slices.DeleteFunc(removedAndKept(planned.Outcome()), func(line string) bool {
				return !strings.Contains(line, "PersistentVolume") && !strings.Contains(line, "StorageClass")
			})
			slices.Sort(test.want)
			if diff := cmp.Diff(test.want, about); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The name of a volume is joined from two names: ci/d and another pair may have the
// same. What the volume is reserved for counts, too.
func TestUninstallKeepsTheVolumeOfAnotherInstallation(t *testing.T) {
	for _, test := range []struct {
		name, instance, namespace string
		installed                 bool
	}{
		{"this installation's", "d", "ci", true},
		{"of another installation", "ci-d", "ci", false},
		{"reserved for a claim elsewhere", "d", "elsewhere", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			volume := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "ci-d-data", Labels: dind.Labels(test.instance)}}
			volume.Spec.ClaimRef = &corev1.ObjectReference{Namespace: test.namespace, Name: "d-data"}
			planned, err := newWorld(t, volume).PlanRemoval(t.Context(), true)
			var missing *NotInstalledError
			if errors.As(err, &missing) == test.installed || planned.DeletesData() != test.installed {
				t.Errorf("got %v, %v", planned.Outcome(), err)
			}
		})
	}
}

// Without the right to read cluster-scoped objects, status and uninstall work.
func TestStorageMayNotBeRead(t *testing.T) {
	w := installedWorld(t, local)
	change(t, w, deployments, "d", func(d *appsv1.Deployment) { d.Status.AvailableReplicas = 0 }) // else status would exec
	refuse(w, "get", "persistentvolumes")
	status, err := w.Status(t.Context())
	if err != nil || !slices.ContainsFunc(status.Problems, func(p Problem) bool {
		return p.Object == "persistentvolume/ci-d-data" && p.Severity == SeverityWarning && p.Hint != ""
	}) {
		t.Errorf("got %+v, %v", status.Problems, err)
	}
	planned, err := w.PlanRemoval(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	if lines := removedAndKept(planned.Outcome()); !slices.Contains(lines, "= PersistentVolume ci-d-data: not readable with your permissions") {
		t.Errorf("got %q", lines)
	}
	w.PrependReactor("get", "persistentvolumes", func(ktesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewBadRequest("broken")
	})
	if _, err := w.PlanRemoval(t.Context(), false); !apierrors.IsBadRequest(err) {
		t.Errorf("got %v", err)
	}
}

// Ending the pod of a claim that is being deleted completes the deletion.
func TestUninstallDoesNotEndATerminatingClaim(t *testing.T) {
	own, given := func(*dind.Options) {}, func(o *dind.Options) { o.ExistingClaim = "old" }
	retained, deleted := bigVolume(corev1.PersistentVolumeReclaimRetain), bigVolume(corev1.PersistentVolumeReclaimDelete)
	for _, test := range []struct {
		name       string
		options    func(*dind.Options)
		volume     *corev1.PersistentVolume
		deleteData bool
		refused    bool
	}{
		{"its own", own, deleted, false, true},
		{"its own, with the data", own, deleted, true, false},
		{"its own, whose volume stays", own, retained, false, false},
		{"a given one", given, deleted, false, true},
		{"a given one, with the data", given, deleted, true, true},
		{"a given one, whose volume stays", given, retained, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, oldClaim(), test.volume)
			w.install(t, options(test.options))
			for _, name := range []string{"old", dind.MountedClaim(w.deployment(t))} {
				change(t, w, claims, name, func(c *corev1.PersistentVolumeClaim) { mark(c) })
			}
			_, err := w.PlanRemoval(t.Context(), test.deleteData)
			var claim *ClaimError
			if errors.As(err, &claim) != test.refused || !test.refused && err != nil {
				t.Errorf("got %v", err)
			}
		})
	}
}

// The policy protects the port as long as the Deployment has pods.
func TestUninstallRemovesThePolicyAfterTheDeployment(t *testing.T) {
	w := installedWorld(t, nil)
	planned, err := w.PlanRemoval(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	refuse(w, "delete", "deployments")
	if _, err := w.Remove(t.Context(), planned); !apierrors.IsForbidden(err) {
		t.Errorf("got %v", err)
	}
	if sent := w.Requests("delete"); slices.Contains(sent, "delete networkpolicies") {
		t.Errorf("sent %q", sent)
	}
}

// Another object that has got the name is not deleted, and is not reported as removed.
func TestUninstallReportsReplacedObjects(t *testing.T) {
	w := installedWorld(t, nil)
	planned, err := w.PlanRemoval(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	change(t, w, claims, "d-data", func(c *corev1.PersistentVolumeClaim) { c.UID = "another" })
	w.PrependReactor("delete", "persistentvolumeclaims", func(ktesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewConflict(claims.GroupResource(), "d-data", errors.New("the UID in the precondition does not match"))
	})
	outcome, err := w.Remove(t.Context(), planned)
	if !apierrors.IsConflict(err) || !strings.Contains(err.Error(), "another object has this name now, and was not deleted") {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(workload, removedAndKept(outcome)); diff != "" {
		t.Error(diff)
	}
}
