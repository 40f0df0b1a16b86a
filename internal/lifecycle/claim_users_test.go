package lifecycle

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/progress"
)

// mark marks a claim as being deleted.
func mark(claim *corev1.PersistentVolumeClaim) *corev1.PersistentVolumeClaim {
	claim.DeletionTimestamp, claim.Finalizers = new(metav1.NewTime(noon)), []string{"kubernetes.io/pvc-protection"}
	claim.Spec.VolumeName = "pvc-1"
	return claim
}

// Install never restarts a pod whose claim is being deleted: that would complete the
// deletion.
func TestInstallRefusesATerminatingClaim(t *testing.T) {
	existing := func(o *dind.Options) { o.ExistingClaim = "old" }
	for _, test := range []struct {
		name          string
		objects       []runtime.Object
		before, after func(*dind.Options)
	}{
		{"its own", nil, func(*dind.Options) {}, func(o *dind.Options) { o.Image = "docker:30.0.0-dind" }},
		{"its own, and nothing else changes", nil, func(*dind.Options) {}, nil},
		{"a given one", []runtime.Object{oldClaim()}, existing, func(o *dind.Options) { existing(o); o.Image = "docker:30.0.0-dind" }},
		{"the one that it is moved away from", []runtime.Object{oldClaim()}, existing, func(o *dind.Options) { o.AllowDataRootChange = true }},
		{"a given one that nobody uses", []runtime.Object{mark(oldClaim())}, nil, existing},
		{"used by a pod without a Deployment", []runtime.Object{mark(claimFor("d-data", "d")), podWith("d-data")}, nil, nil},
	} {
		for _, how := range []InstallOptions{{}, {SkipPreflight: true}, {DryRun: true}} {
			t.Run(test.name, func(t *testing.T) {
				w := newWorld(t, test.objects...)
				if test.before != nil {
					w.install(t, options(test.before))
					name := "d-data"
					if len(test.objects) > 0 {
						name = "old"
					}
					change(t, w, claims, name, func(c *corev1.PersistentVolumeClaim) { mark(c) })
					w.reset()
				}
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				_, err := w.Install(ctx, options(test.after), how)
				var claim *ClaimError
				if !errors.As(err, &claim) || claim.Reason != "ClaimTerminating" || !strings.Contains(claim.Hint, "kubectl patch pv pvc-1") {
					t.Errorf("%+v: got %v", how, err)
				}
				if writes := w.Writes(); len(writes) > 0 {
					t.Errorf("sent %q", writes)
				}
			})
		}
	}
}

// Install waits for a claim that an uninstall is deleting.
func TestInstallWaitsForAnUnusedClaim(t *testing.T) {
	w := newWorld(t, mark(claimFor("d-data", "d")))
	observer := w.Observer
	w.Observer = progress.Func(func(e progress.Event) {
		observer.Observe(e)
		if e.Kind == progress.Updated && strings.Contains(e.Detail, "persistentvolumeclaim/d-data is being deleted") {
			if err := w.Tracker().Delete(claims, "ci", "d-data"); err != nil {
				t.Error(err)
			}
		}
	})
	if got := summary(w.install(t, options(nil)).Objects); got != "7 created" {
		t.Errorf("got %q", got)
	}
}

// The daemon is not moved to another claim by an option that is left out.
func TestInstallDoesNotMoveTheDaemon(t *testing.T) {
	w := newWorld(t, oldClaim())
	w.install(t, options(func(o *dind.Options) { o.ExistingClaim = "old" }))
	w.reset()
	_, err := w.Install(t.Context(), options(nil), InstallOptions{SkipPreflight: true})
	var incompatible *dind.IncompatibleError
	if !errors.As(err, &incompatible) || !strings.Contains(incompatible.OptionErrors[0].Hint, "--existing-claim old") || len(w.Writes()) > 0 {
		t.Errorf("got %v, sent %q", err, w.Writes())
	}
	// If that claim is gone, there is nothing to lose.
	if err := w.Tracker().Delete(claims, "ci", "old"); err != nil {
		t.Fatal(err)
	}
	w.install(t, options(nil))
}

func TestCheckClaimUsers(t *testing.T) {
	directory := func(name, path, node string) *corev1.PersistentVolume {
		volume := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name}}
		volume.Spec.Local = &corev1.LocalVolumeSource{Path: path}
		volume.Spec.NodeAffinity = &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{node}}},
		}}}}
		return volume
	}
	finished := podWith("old")
	finished.Status.Phase = corev1.PodSucceeded
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "worker"}}
	existing := func(o *dind.Options) { o.ExistingClaim = "old" }
	const path = "failed local path: /mnt/docker on node worker is the directory of persistentvolume/other"
	for _, test := range []struct {
		name    string
		options func(*dind.Options)
		objects []runtime.Object
		before  func(*world)
		want    string // "" for no result
	}{
		{"a claim that nobody uses", existing, []runtime.Object{oldClaim()}, nil, ""},
		{"a claim that a finished pod used", existing, []runtime.Object{oldClaim(), finished}, nil, ""},
		{"a claim that another claim's pod does not use", existing, []runtime.Object{oldClaim(), podWith("other")}, nil, ""},
		{"another pod's claim", existing, []runtime.Object{oldClaim(), podWith("old")}, nil, "failed claim in use: old is used by pod/other-pod"},
		{"another installation's claim", existing, []runtime.Object{oldClaim(), deploymentWith("old")}, nil, "failed claim in use: old is used by deployment/e"},
		{"unknown", existing, []runtime.Object{oldClaim()}, func(w *world) { refuse(w, "list", "deployments") },
			"unknown claim in use: unknown: who else uses claim old: this user may not list pods and Deployments"},
		{"a directory that no other volume has", local, []runtime.Object{node, directory("ci-d-data", "/mnt/docker", "worker"), directory("other", "/mnt/docker", "worker-2"), directory("third", "/mnt", "worker")}, nil, ""},
		{"another volume's directory", local, []runtime.Object{node, directory("other", "/mnt/docker/", "worker")}, nil, path},
		{"unknown directories", local, []runtime.Object{node}, func(w *world) { refuse(w, "list", "persistentvolumes") },
			"unknown local path: unknown: whether another volume has /mnt/docker: this user may not list PersistentVolumes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.objects...)
			if test.before != nil {
				test.before(w)
			}
			checks, err := w.Check(t.Context(), options(test.options), InstallOptions{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, line := range lines(checks.Results) {
				if strings.Contains(line, " claim in use: ") || strings.Contains(line, " local path: ") {
					got = append(got, line)
				}
			}
			if strings.Join(got, "\n") != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			_, err = w.Install(t.Context(), options(test.options), InstallOptions{NoWait: true})
			var failed *CheckFailedError
			if refused := strings.HasPrefix(test.want, "failed"); errors.As(err, &failed) != refused || refused && len(w.Writes()) > 0 {
				t.Errorf("install: %v, sent %q", err, w.Writes())
			}
		})
	}
	// The installation's own pod does not count.
	w := installedWorld(t, nil)
	checks, err := w.Check(t.Context(), options(nil), InstallOptions{})
	if err != nil || !checks.OK || slices.ContainsFunc(checks.Results, func(r CheckResult) bool { return r.Name == "claim in use" }) {
		t.Errorf("got %+v, %v", checks, err)
	}
}

// A claim that waits for its first pod keeps its class: the default class does not
// matter.
func TestInstallAgainOnAPendingClaim(t *testing.T) {
	claim := claimFor("d-data", "d")
	claim.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending}
	claim.Spec.StorageClassName = new("fast")
	fast := clustertest.DefaultClass()
	fast.Name, fast.Annotations = "fast", nil
	w := newWorld(t, claim, fast)
	if err := w.StorageV1().StorageClasses().Delete(t.Context(), "standard", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Install(t.Context(), options(nil), InstallOptions{NoWait: true}); err != nil {
		t.Error(err)
	}
}
