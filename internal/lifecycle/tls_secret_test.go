package lifecycle

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/certs"
	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/dind"
)

func given(o *dind.Options) { o.TLS, o.TLSSecret, o.TLSClientSecret = true, "issued", "issued-client" }

// issue returns Secrets as cert-manager fills them.
func issue(t *testing.T) (server, client *corev1.Secret) {
	t.Helper()
	files, err := NewCertificates(options(nil), noon)
	if err != nil {
		t.Fatal(err)
	}
	secret := func(name string, files map[string][]byte) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: name}, Data: map[string][]byte{
			"ca.crt": files[certs.CAFile], "tls.crt": files[certs.CertFile], "tls.key": files[certs.KeyFile],
		}}
	}
	return secret("issued", files.Server), secret("issued-client", files.Client)
}

// With given Secrets install creates none, dindctl connects with the client's, a renewed
// certificate restarts the pod, and uninstall keeps the Secrets.
func TestGivenCertificates(t *testing.T) {
	server, client := issue(t)
	w := newWorld(t, server, client)
	w.withExec(t, clustertest.Prints(clustertest.StatOutput))
	w.install(t, options(given))
	for _, write := range w.Writes() {
		if strings.HasSuffix(write, " secrets") {
			t.Errorf("sent %q", write)
		}
	}
	if credentials := w.engine.Credentials; credentials == nil || len(credentials.Certificates) != 1 {
		t.Fatalf("connected with %+v", credentials)
	}
	status, err := w.Status(t.Context())
	if err != nil || !status.Healthy || len(status.Problems) > 0 || status.Certificates == nil || status.Certificates.ServerExpires == nil {
		t.Errorf("status %+v, %v", status, err)
	}
	w.reset()
	w.install(t, options(given))
	if writes := w.Writes(); len(writes) > 0 {
		t.Errorf("a second install sent %q", writes)
	}

	renewed, _ := issue(t)
	clustertest.Change(t, w.Server, secrets, "issued", func(s *corev1.Secret) { s.Data = renewed.Data })
	status, err = w.Status(t.Context())
	if err != nil || len(status.Problems) != 1 || status.Problems[0].Reason != "CertificateNotLoaded" || status.Problems[0].Hint != givenHint {
		t.Errorf("after a renewal: %+v, %v", status.Problems, err)
	}
	w.reset()
	w.install(t, options(given))
	if writes := w.Writes(); len(writes) != 1 || !strings.Contains(writes[0], "deployments") {
		t.Errorf("install after a renewal sent %q", writes)
	}

	removal, err := w.PlanRemoval(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Remove(t.Context(), removal); err != nil {
		t.Fatal(err)
	}
	if w.secret("ci", "issued") == nil || w.secret("ci", "issued-client") == nil {
		t.Error("uninstall deleted a Secret that was given")
	}
}

// A Secret that does not exist, or lacks a key, fails before anything is created.
func TestGivenCertificatesAreChecked(t *testing.T) {
	server, client := issue(t)
	delete(client.Data, "ca.crt")
	for _, test := range []struct {
		exist *corev1.Secret
		want  string
	}{
		{client, "Secret issued (--tls-secret) does not exist"},
		{server, "Secret issued-client (--tls-client-secret) does not exist"},
		{client, "Secret issued-client (--tls-client-secret) has no key ca.crt"},
	} {
		w := newWorld(t, test.exist)
		_, err := w.Install(t.Context(), options(given), InstallOptions{})
		var failed *CheckFailedError
		if !errors.As(err, &failed) || len(w.Writes()) > 0 {
			t.Fatalf("got %v, sent %q", err, w.Writes())
		}
		var reasons []string
		for _, one := range failed.Failed {
			reasons = append(reasons, one.Reason)
		}
		if !strings.Contains(strings.Join(reasons, "\n"), test.want) {
			t.Errorf("got %q", reasons)
		}
	}
}
