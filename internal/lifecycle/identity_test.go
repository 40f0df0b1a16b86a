package lifecycle

import (
	"errors"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/dindctl/dindctl/internal/apply"
	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
)

// relabelled returns the objects of an installation after change changed the labels of
// each.
func relabelled(t *testing.T, change func(labels map[string]string)) []runtime.Object {
	t.Helper()
	objects := defaultInstallation(t)
	for _, object := range objects {
		accessor, err := meta.Accessor(object)
		if err != nil {
			t.Fatal(err)
		}
		if labels := accessor.GetLabels(); labels[kube.ManagedByLabel] != "" {
			change(labels)
			accessor.SetLabels(labels)
		}
	}
	return objects
}

// An installation of an older version, and one whose labels Argo CD rewrote, is this
// installation. Taking it over does not restart the pod.
func TestInstallTakesOverLabels(t *testing.T) {
	for name, change := range map[string]func(map[string]string){
		"of an older version": func(labels map[string]string) { delete(labels, kube.OwnInstanceLabel) },
		"rewritten by Argo CD": func(labels map[string]string) {
			if labels[dind.ComponentLabel] == "" { // it does not touch pods
				labels[kube.InstanceLabel] = "application"
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, relabelled(t, change)...)
			outcome := w.install(t, options(nil))
			if got := summary(outcome.Objects); got != "7 configured" || outcome.Restart != nil {
				t.Errorf("got %q, restart %+v", got, outcome.Restart)
			}
			for _, object := range outcome.Objects {
				for _, field := range object.Fields {
					if object.Kind == "Deployment" && strings.HasPrefix(field.Path, "spec") {
						t.Errorf("%s changed", field.Path)
					}
				}
			}
			planned, err := w.PlanRemoval(t.Context(), true)
			if kept := planned.Outcome().Kept; err != nil || len(kept) > 0 {
				t.Errorf("kept %+v, %v", kept, err)
			}
		})
	}
}

// chart returns a Deployment of a Helm chart, whose selector has the release's name.
func chart() *appsv1.Deployment {
	labels := map[string]string{dind.NameLabel: "dind", kube.InstanceLabel: "release"}
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{
		Namespace: "ci", Name: "d", ResourceVersion: "1", UID: "deployments/d", Labels: map[string]string{kube.ManagedByLabel: "Helm"},
		Annotations: map[string]string{"meta.helm.sh/release-name": "release", "meta.helm.sh/release-namespace": "ci"},
	}}
	d.Spec.Selector = &metav1.LabelSelector{MatchLabels: labels}
	d.Spec.Template.Labels = labels
	d.Spec.Template.Spec = podWith("d-data").Spec
	d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "dind", Image: "docker:26.1.5-dind", VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: dind.DataRoot}}}}
	return d
}

// After adopting a Deployment whose selector has another instance, all commands find
// its pod. Adopting warns of what Helm would still delete.
func TestAdoptedSelector(t *testing.T) {
	claim := oldClaim()
	claim.Name, claim.ResourceVersion = "d-data", "1"
	w := newWorld(t, chart(), claim)
	if _, err := w.Install(t.Context(), options(nil), InstallOptions{SkipPreflight: true, Adopt: true}); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(w.messages(), "warning: do not run `helm uninstall release -n ci`: it would still delete deployment/d; "+
		"`kubectl delete secret -n ci -l owner=helm,name=release` deletes only Helm's record of the release") {
		t.Errorf("messages %q", w.messages())
	}
	w.withExec(t, clustertest.Prints(clustertest.StatOutput))
	if status, err := w.Status(t.Context()); err != nil || !status.Healthy {
		t.Errorf("got %+v, %v", status.Problems, err)
	}
	w.RunJobs(batchv1.JobComplete, corev1.PodSucceeded, freed)
	if _, err := w.PruneNow(t.Context(), PruneOptions{}); err != nil {
		t.Error(err)
	}
}

// The daemon's pod and its Jobs' are one list if the pod has the instance's labels.
func TestPodsAreListedOnce(t *testing.T) {
	w := installedWorld(t, nil)
	if _, _, err := w.findReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	if listed := w.Requests("list"); len(listed) != 1 {
		t.Errorf("sent %q", listed)
	}
}

// A claim NAME-data that the daemon does not use does not matter to prune-now.
func TestPruneNowWithAnExistingClaim(t *testing.T) {
	pending := claimFor("d-data", "d")
	pending.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending}
	w := newWorld(t, oldClaim(), pending)
	w.install(t, options(func(o *dind.Options) { o.ExistingClaim = "old" }))
	w.RunJobs(batchv1.JobComplete, corev1.PodSucceeded, freed)
	if _, err := w.PruneNow(t.Context(), PruneOptions{}); err != nil {
		t.Error(err)
	}
}

func TestVerifyOfADeletedDeployment(t *testing.T) {
	w := installedWorld(t, nil)
	if err := w.Tracker().Delete(deployments, "ci", "d"); err != nil {
		t.Fatal(err)
	}
	var missing *NotInstalledError
	if err := w.verifyInstalled(t.Context(), &Installation{}); !errors.As(err, &missing) {
		t.Errorf("got %v", err)
	}
}

// The claim is read only if the installation is missing.
func TestAccessReadsNoClaim(t *testing.T) {
	w := installedWorld(t, nil)
	refuse(w, "get", "persistentvolumeclaims")
	if _, err := w.Access(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestDescribeManager(t *testing.T) {
	refs := []kube.Ref{{Kind: "Deployment", Name: "d"}, {Kind: "PersistentVolumeClaim", Name: "d-data"}}
	for want, manager := range map[string]apply.Manager{
		"do not run `terraform destroy`, nor take these objects out of its configuration: it would still delete deployment/d, persistentvolumeclaim/d-data; " +
			"`terraform state rm ADDRESS` makes Terraform forget each of them": {Tool: apply.Terraform, Refs: refs},
		"Argo CD (apps) manages deployment/d, persistentvolumeclaim/d-data: it reverts what dindctl changes, and deletes the objects when they are no longer in its repository; " +
			"change them there, or take them out of it without pruning": {Tool: apply.ArgoCD, Name: "apps", Refs: refs},
	} {
		if got := describeManager(manager); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

// An installation that is called NAME-pods has a Service of that name: it says nothing of
// NAME, which is not installed.
func TestInstallationNamedLikeThePodsService(t *testing.T) {
	w := newWorld(t)
	other := w.Instance
	other.Name = "d-pods"
	o := options(nil)
	o.Name = other.Name
	if _, err := other.Install(t.Context(), o, InstallOptions{SkipPreflight: true}); err != nil {
		t.Fatal(err)
	}
	var missing *NotInstalledError
	if _, err := w.Status(t.Context()); !errors.As(err, &missing) {
		t.Errorf("status: %v", err)
	}
	if _, err := w.PlanRemoval(t.Context(), true); !errors.As(err, &missing) {
		t.Errorf("uninstall: %v", err)
	}
	var notOwned *apply.NotOwnedError
	if _, err := w.Install(t.Context(), options(nil), InstallOptions{SkipPreflight: true, Adopt: true}); !errors.As(err, &notOwned) {
		t.Errorf("install: %v", err)
	}
}
