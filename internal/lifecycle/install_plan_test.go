package lifecycle

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/dindctl/dindctl/internal/apply"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/progress"
)

func TestInstallRefusesUnmanagedSecrets(t *testing.T) {
	for name, labels := range map[string]map[string]string{
		"without labels": {},
		"a copy of another installation's Secret": {kube.ManagedByLabel: kube.ManagedByValue, kube.InstanceLabel: "d", kube.HomeLabel: "elsewhere"},
		"of an installation with another name":    {kube.ManagedByLabel: kube.ManagedByValue, kube.InstanceLabel: "e"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, &corev1.Secret{ObjectMeta: secretMeta("d-client-tls", labels), Data: map[string][]byte{"key.pem": []byte("other")}})
			_, err := w.Install(t.Context(), options(secure), InstallOptions{SkipPreflight: true})
			var notOwned *apply.NotOwnedError
			if !errors.As(err, &notOwned) || len(w.Writes()) > 0 {
				t.Errorf("got %v, sent %q", err, w.Writes())
			}
		})
	}
}

// StorageClasses are read only if the claim is to be expanded.
func TestInstallReadsStorageClassesOnlyForExpansion(t *testing.T) {
	for _, test := range []struct {
		size string
		want bool
	}{{"", false}, {"100Gi", false}, {"102400Mi", false}, {"200Gi", true}} {
		t.Run(test.size, func(t *testing.T) {
			w := installedWorld(t, nil)
			w.reset()
			// The result does not matter here.
			_, _ = w.Install(t.Context(), options(func(o *dind.Options) { o.StorageSize = test.size }), InstallOptions{DryRun: true})
			if got := slices.Contains(w.Requests("list"), "list storageclasses"); got != test.want {
				t.Errorf("listed storage classes: %v, want %v: %q", got, test.want, w.Requests("list"))
			}
		})
	}
}

// Install waits for an object that is being deleted and creates it again. A dry run
// does not wait.
func TestInstallWaitsForDeletion(t *testing.T) {
	for _, dryRun := range []bool{false, true} {
		t.Run(fmt.Sprintf("dry run %v", dryRun), func(t *testing.T) {
			w := installedWorld(t, nil)
			change(t, w, deployments, "d", func(d *appsv1.Deployment) {
				d.DeletionTimestamp, d.Finalizers = new(metav1.NewTime(noon)), []string{metav1.FinalizerDeleteDependents}
			})
			observer := w.Observer
			w.Observer = progress.Func(func(e progress.Event) {
				observer.Observe(e)
				if e.Kind == progress.Updated && strings.Contains(e.Detail, "deployment/d is being deleted") {
					if err := w.Tracker().Delete(deployments, "ci", "d"); err != nil {
						t.Error(err)
					}
				}
			})
			outcome, err := w.Install(t.Context(), options(nil), InstallOptions{DryRun: dryRun})
			var terminating *apply.TerminatingError
			if dryRun != errors.As(err, &terminating) {
				t.Errorf("got %v", err)
			}
			if got := summary(outcome.Objects); !dryRun && got != "1 created, 6 unchanged" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestInstallRefusesBeforeTheFirstChange(t *testing.T) {
	unmanaged := metav1.ObjectMeta{Namespace: "ci", Name: "d"}
	owned := metav1.ObjectMeta{Namespace: "ci", Name: "d-data", Labels: dind.Labels("d"),
		DeletionTimestamp: new(metav1.NewTime(noon)), Finalizers: []string{"example.com/backup"}}
	tests := []struct {
		name    string
		objects []runtime.Object
		options func(*dind.Options)
		want    string
	}{
		{"unmanaged objects", []runtime.Object{&corev1.Service{ObjectMeta: unmanaged}, &appsv1.Deployment{ObjectMeta: unmanaged}}, nil,
			"service/d, deployment/d: not created by dindctl"},
		{"a claim that is being deleted", []runtime.Object{&corev1.PersistentVolumeClaim{ObjectMeta: owned}}, nil,
			"persistentvolumeclaim/d-data is being deleted (waits for example.com/backup)"},
		{"an existing claim that does not exist", nil, func(o *dind.Options) { o.ExistingClaim = "old" }, "there is no claim old in namespace ci"},
		{"invalid options", nil, func(o *dind.Options) { o.MTU = "many" }, `--mtu "many"`},
		{"a storage class that does not exist", nil, func(o *dind.Options) { o.StorageClass = "nope" }, `storage class: class "nope" does not exist`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.objects...)
			outcome, err := w.Install(t.Context(), options(test.options), InstallOptions{CreateNamespace: true})
			if !strings.Contains(text(err), test.want) {
				t.Errorf("got %v, want …%s…", err, test.want)
			}
			if writes := w.Writes(); len(writes) > 0 || len(outcome.Objects) > 0 {
				t.Errorf("sent %q, reported %v", writes, outcome.Objects)
			}
			w.checkSteps(t)
			if messages := w.messages(); len(messages) != 2 || messages[1] != "Cluster failed: "+text(err) {
				t.Errorf("messages %q", messages)
			}
		})
	}
}
