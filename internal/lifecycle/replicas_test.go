package lifecycle

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/dind"
)

// replicated returns options with a number of replicas.
func replicated(n string) dind.Options {
	return options(func(o *dind.Options) { o.Replicas = n })
}

// names returns the Deployments and the claims that there are.
func (w *world) names(t *testing.T) (found []string) {
	t.Helper()
	running, err := w.Clientset.AppsV1().Deployments("ci").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range running.Items {
		found = append(found, d.Name)
	}
	kept, err := w.Clientset.CoreV1().PersistentVolumeClaims("ci").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range kept.Items {
		found = append(found, c.Name)
	}
	slices.Sort(found)
	return found
}

// Replicas come and go, and their claims stay until the data is to be deleted.
func TestReplicas(t *testing.T) {
	w := installedWorld(t, nil)
	outcome := w.install(t, replicated("3"))
	if len(outcome.Replicas) != 2 || outcome.Replicas[1].Name != "d-2" || outcome.Replicas[1].Daemon == nil {
		t.Errorf("got %+v", outcome.Replicas)
	}
	for _, change := range outcome.Objects {
		if change.Change != "unchanged" && change.Kind != "Deployment" {
			t.Errorf("the first replica: %+v", change)
		}
	}
	status, err := w.Status(t.Context())
	if err != nil || !status.Healthy || len(status.Replicas) != 2 || status.Replicas[1].Name != "d-2" || status.Options["replicas"] != "3" {
		t.Errorf("got %v, %+v", err, status)
	}
	outcome = w.install(t, replicated("2"))
	if diff := cmp.Diff([]string{"d", "d-1", "d-1-data", "d-2-data", "d-data"}, w.names(t)); diff != "" {
		t.Error(diff)
	}
	if !slices.ContainsFunc(outcome.Objects, func(c ObjectChange) bool {
		return c.Kind == "Deployment" && c.Name == "d-2" && c.Change == changeDeleted
	}) {
		t.Errorf("got %+v", outcome.Objects)
	}
	// An update of one daemon that is not to change the others' number.
	var invalid dind.OptionErrors
	if _, err := w.Install(t.Context(), options(nil), InstallOptions{SkipPreflight: true}); !errors.As(err, &invalid) || invalid[0].Option != "--replicas" {
		t.Errorf("got %v", err)
	}
	planned, err := w.PlanRemoval(t.Context(), true)
	if err != nil || len(planned.Claims()) != 2 || !planned.DeletesData() {
		t.Fatalf("got %v, %+v", err, planned.Claims())
	}
	removed, err := w.Remove(t.Context(), planned)
	if diff := cmp.Diff([]string{"d-2-data"}, w.names(t)); diff != "" || err != nil || len(removed.Removed) != len(planned.Outcome().Removed) {
		t.Errorf("%s, %v, %+v", diff, err, removed)
	}
	if first := removed.Removed[0].Name; !strings.HasPrefix(first, "d-1") {
		t.Errorf("%s was removed first", first)
	}
}

// Fewer replicas than before: a dry run stops none, and an error stops none.
func TestFewerReplicas(t *testing.T) {
	w := installedWorld(t, nil)
	w.install(t, replicated("2"))
	all := w.names(t)
	how := InstallOptions{SkipPreflight: true, DryRun: true}
	if outcome, err := w.Install(t.Context(), replicated("1"), how); err != nil || !slices.ContainsFunc(outcome.Objects, func(c ObjectChange) bool { return c.Name == "d-1" && c.Change == changeDeleted }) {
		t.Errorf("got %v, %+v", err, outcome.Objects)
	}
	change(t, w, deployments, "d", func(d *appsv1.Deployment) {
		delete(d.Labels, "app.kubernetes.io/managed-by")
		delete(d.Labels, "dindctl/instance")
	})
	if _, err := w.Install(t.Context(), replicated("1"), InstallOptions{SkipPreflight: true}); err == nil {
		t.Error("the first replica is no longer dindctl's, but was installed")
	}
	if diff := cmp.Diff(all, w.names(t)); diff != "" {
		t.Error(diff)
	}
}

// An installation does not become a replica of another one because of its name.
func TestReplicaNameTaken(t *testing.T) {
	w := installedWorld(t, nil)
	other := w.Instance
	other.Name = "d-1"
	if _, err := other.Install(t.Context(), options(func(o *dind.Options) { o.Name = "d-1" }), InstallOptions{SkipPreflight: true}); err != nil {
		t.Fatal(err)
	}
	w.reset()
	var invalid dind.OptionErrors
	if _, err := w.Check(t.Context(), replicated("2"), InstallOptions{}); !errors.As(err, &invalid) {
		t.Errorf("check: %v", err)
	}
	if _, err := w.Install(t.Context(), replicated("2"), InstallOptions{SkipPreflight: true}); !errors.As(err, &invalid) || !strings.Contains(err.Error(), "needs the name d-1") || len(w.Writes()) > 0 {
		t.Errorf("got %v, and %q", err, w.Writes())
	}
}

// A replica that is missing makes the installation unhealthy, and install brings it back.
func TestReplicaMissing(t *testing.T) {
	w := installedWorld(t, nil)
	w.install(t, replicated("2"))
	planned, err := w.replica(1).PlanRemoval(t.Context(), false)
	if err == nil {
		_, err = w.replica(1).Remove(t.Context(), planned)
	}
	if err != nil {
		t.Fatal(err)
	}
	status, err := w.Status(t.Context())
	if err != nil || status.Healthy || len(status.Replicas) != 1 || status.Replicas[0].Problems[0].Reason != "ReplicaMissing" {
		t.Errorf("got %v, %+v", err, status.Replicas)
	}
	// Uninstall removes what there is.
	if planned, err := w.PlanRemoval(t.Context(), true); err != nil || len(planned.Claims()) != 2 {
		t.Errorf("got %v, %+v", err, planned.Claims())
	}
	w.install(t, replicated("2"))
	if status, err := w.Status(t.Context()); err != nil || !status.Healthy {
		t.Errorf("got %v, %+v", err, status)
	}
}

// Without the Deployment of the first replica, which has their number, uninstall finds the
// others.
func TestUninstallWithoutTheFirstReplica(t *testing.T) {
	w := installedWorld(t, nil)
	w.install(t, replicated("3"))
	if err := w.Tracker().Delete(deployments, "ci", "d"); err != nil {
		t.Fatal(err)
	}
	planned, err := w.PlanRemoval(t.Context(), true)
	if err == nil {
		_, err = w.Remove(t.Context(), planned)
	}
	if left := w.names(t); err != nil || len(left) > 0 {
		t.Errorf("got %v, left %q", err, left)
	}
}

// All replicas have the certificates of the first, and jobs one Secret.
func TestReplicasWithTLS(t *testing.T) {
	w := installedWorld(t, secureFor("jobs"))
	three := options(secureFor("jobs"))
	three.Replicas = "2"
	w.install(t, three)
	var secrets []string
	list, err := w.Clientset.CoreV1().Secrets("").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list.Items {
		secrets = append(secrets, s.Namespace+"/"+s.Name)
	}
	slices.Sort(secrets)
	if diff := cmp.Diff([]string{"ci/d-client-tls", "ci/d-server-tls", "jobs/d-client-tls"}, secrets); diff != "" {
		t.Error(diff)
	}
	status, err := w.Status(t.Context())
	if err != nil || !status.Healthy || !status.Replicas[0].TLS || status.Replicas[0].Certificates.ServerExpires == nil {
		t.Errorf("got %v, %+v, %+v", err, status.Problems, status.Replicas[0].Problems)
	}
	block, _ := pem.Decode(w.secret("ci", "d-server-tls").Data["cert.pem"])
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"d.ci.svc", "d.d-pods.ci.svc", "d-1.ci.svc", "d-7.d-7-pods.ci.svc"} {
		if err := certificate.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	planned, err := w.PlanRemoval(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Remove(t.Context(), planned); err != nil || w.secret("ci", "d-server-tls") != nil {
		t.Errorf("got %v", err)
	}
}

// What a command does with each replica it does with all, even if one fails.
func TestEachReplica(t *testing.T) {
	w := installedWorld(t, nil)
	w.install(t, replicated("3"))
	failure := errors.New("no")
	names, err := EachReplica(t.Context(), w.Instance, func(_ context.Context, i Instance) (string, error) {
		if i.Name == "d-1" {
			return i.Name, failure
		}
		return i.Name, nil
	})
	if !errors.Is(err, failure) || !slices.Equal(names, []string{"d", "d-1", "d-2"}) {
		t.Errorf("got %v, %v", names, err)
	}
	refuse(w, "get", "deployments")
	if _, err := EachReplica(t.Context(), w.Instance, func(context.Context, Instance) (int, error) { return 0, nil }); err == nil {
		t.Error("without the right to read the Deployment there is no error")
	}
}

// Replicas that did not exist when they were listed are no reason to keep others.
func TestUninstallWithoutAReplica(t *testing.T) {
	w := installedWorld(t, nil)
	w.install(t, replicated("3"))
	for _, name := range []string{"d-1-data"} {
		change(t, w, claims, name, func(c *corev1.PersistentVolumeClaim) { c.Labels["dindctl/instance"] = "somebody" })
	}
	planned, err := w.PlanRemoval(t.Context(), true)
	if err != nil || !slices.ContainsFunc(planned.Outcome().Kept, func(o UninstallObject) bool { return o.Name == "d-1-data" }) {
		t.Errorf("got %v, %+v", err, planned.Outcome().Kept)
	}
}
