package lifecycle

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/dind"
)

func TestStatusReportsCertificateProblems(t *testing.T) {
	noSecret := func(namespace, name string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			if err := w.Tracker().Delete(secrets, namespace, name); err != nil {
				t.Fatal(err)
			}
		}
	}
	later := func(days int) func(*testing.T, *world) {
		return func(_ *testing.T, w *world) { w.Now = func() time.Time { return noon.AddDate(0, 0, days) } }
	}
	for _, test := range []struct {
		name   string
		damage func(*testing.T, *world)
		want   []string
	}{
		{"healthy", func(*testing.T, *world) {}, nil},
		{"31 days left", later(334), nil},
		{"30 days left", later(335), []string{"warning CertificateExpiring secret/d-server-tls", "warning CertificateExpiring secret/d-client-tls"}},
		{"expired", later(365), []string{"error CertificateExpired secret/d-server-tls", "error CertificateExpired secret/d-client-tls"}},
		{"no server certificate", noSecret("ci", "d-server-tls"), []string{"error Missing secret/d-server-tls"}},
		{"the server certificate is being deleted", func(t *testing.T, w *world) {
			change(t, w, secrets, "d-server-tls", func(s *corev1.Secret) { s.DeletionTimestamp = &deletedAt })
		}, []string{"error Terminating secret/d-server-tls"}},
		{"no copy in another namespace", noSecret("jobs", "d-client-tls"), []string{"error CopyMissing secret/d-client-tls"}},
		{"another key", func(t *testing.T, w *world) {
			other, err := NewCertificates(options(nil), noon)
			if err != nil {
				t.Fatal(err)
			}
			change(t, w, secrets, "d-client-tls", func(s *corev1.Secret) { s.Data["key.pem"] = other.Client["key.pem"] })
		}, []string{"error CertificateInvalid secret/d-client-tls", "error CopyDiffers secret/d-client-tls", "error CertificateInvalid pod/d-abc-1"}},
		{"the pod has the previous certificate", func(t *testing.T, w *world) {
			change(t, w, deployments, "d", func(d *appsv1.Deployment) {
				d.Spec.Template.Annotations[dind.CertificateHashAnnotation] = "before"
			})
		}, []string{"warning CertificateNotLoaded deployment/d"}},
		{"no permission to read Secrets", func(_ *testing.T, w *world) { refuse(w, "get", "secrets") }, []string{"warning CertificatesUnknown secret/d-server-tls", "error Forbidden pod/d-abc-1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := installedWorld(t, secureFor("jobs"))
			w.withExec(t, clustertest.Prints(clustertest.StatOutput))
			test.damage(t, w)
			status, err := w.Status(t.Context())
			if err != nil || !status.TLS || status.Certificates == nil || status.DockerHost != "tcp://d.ci.svc:2376" {
				t.Fatalf("got %+v, %v", status, err)
			}
			var got []string
			for _, p := range status.Problems {
				if p.Reason == "Forbidden" && !strings.Contains(p.Hint, "get secrets") {
					t.Errorf("the hint names another permission: %s", p.Hint)
				}
				if got = append(got, p.Severity+" "+p.Reason+" "+p.Object); p.Message == "" || p.Hint == "" {
					t.Errorf("no message or no hint: %+v", p)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStatusShowsWhenCertificatesExpire(t *testing.T) {
	w := installedWorld(t, secureFor("jobs"))
	w.withExec(t, clustertest.Prints(clustertest.StatOutput))
	status, err := w.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	expiry := noon.AddDate(1, 0, 0)
	if diff := cmp.Diff(&Certificates{ServerExpires: &expiry, ClientExpires: &expiry}, status.Certificates); diff != "" {
		t.Error(diff)
	}
	var got []ObjectState
	for _, object := range status.Objects {
		if object.Kind == "Secret" {
			got = append(got, object)
		}
	}
	want := []ObjectState{
		{"Secret", "d-server-tls", "Valid", true, "until 2027-11-21"},
		{"Secret", "d-client-tls", "Valid", true, "until 2027-11-21"},
		{"Secret", "d-client-tls", "Present", true, "copy in namespace jobs"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if plain, err := statusWorld(t).Status(t.Context()); err != nil || plain.Certificates != nil || plain.TLS {
		t.Errorf("without TLS: %+v, %v", plain.Certificates, err)
	}
}
