package lifecycle

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/apply"
	"github.com/dindctl/dindctl/internal/certs"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
)

var secrets = corev1.SchemeGroupVersion.WithResource("secrets")

func secure(o *dind.Options) { o.TLS = true }

// secureFor enables TLS, and access from other namespaces.
func secureFor(namespaces ...string) func(*dind.Options) {
	return func(o *dind.Options) { o.TLS, o.AllowNamespaces = true, namespaces }
}

// secret returns a Secret, nil if it does not exist.
func (w *world) secret(namespace, name string) *corev1.Secret {
	found, err := w.Tracker().Get(secrets, namespace, name)
	if err != nil {
		return nil
	}
	return found.(*corev1.Secret)
}

func TestInstallWithTLS(t *testing.T) {
	w := newWorld(t)
	outcome := w.install(t, options(secureFor("jobs")))
	if outcome.DockerHost != "tcp://d.ci.svc:2376" || outcome.Variables["DOCKER_TLS_VERIFY"] != "1" {
		t.Errorf("got %s, %v", outcome.DockerHost, outcome.Variables)
	}
	client := w.secret("ci", "d-client-tls")
	if diff := cmp.Diff(client.Data, w.secret("jobs", "d-client-tls").Data); diff != "" {
		t.Error("the copy differs")
	}
	live := certs.Set{Server: w.secret("ci", "d-server-tls").Data, Client: client.Data}
	if again, err := certs.Renew(live, certificateRequest(options(nil), noon)); err != nil || again.Authority+again.Server+again.Client != "" {
		t.Errorf("the certificates in the Secrets are not those of this installation: %+v, %v", again, err)
	}
	credentials := w.engine.Credentials
	if credentials == nil || credentials.ServerName != "d.ci.svc" || len(credentials.Certificates) != 1 {
		t.Fatalf("connected with credentials %+v", credentials)
	}
	if _, err := credentials.Certificates[0].Leaf.Verify(verifyWith(credentials.RootCAs)); err != nil {
		t.Errorf("the client certificate of the connection: %v", err)
	}

	w.reset()
	w.install(t, options(secureFor("jobs")))
	if writes := w.Writes(); len(writes) > 0 {
		t.Errorf("a second install sent %q", writes)
	}
}

func TestInstallWithoutTLSReadsNoSecrets(t *testing.T) {
	w := installedWorld(t, nil)
	w.reset()
	w.install(t, options(nil))
	if slices.Contains(w.Requests(), "get secrets") || w.engine.Credentials != nil {
		t.Errorf("sent %q", w.Requests())
	}
}

func TestInstallEnablesAndDisablesTLS(t *testing.T) {
	w := installedWorld(t, nil)
	w.install(t, options(secureFor("jobs")))
	if !slices.ContainsFunc(w.messages(), func(line string) bool { return strings.Contains(line, "TLS is being enabled") }) {
		t.Errorf("messages %q", w.messages())
	}
	var problems dind.OptionErrors
	if _, err := w.Install(t.Context(), options(nil), InstallOptions{SkipPreflight: true}); !errors.As(err, &problems) || problems[0].Option != "--tls" {
		t.Errorf("without --tls: %v", err)
	}
	if w.secret("ci", "d-client-tls") == nil {
		t.Fatal("the refused install removed a Secret")
	}
	w.reset()
	outcome := w.install(t, options(func(o *dind.Options) { o.NoTLS = true }))
	if !slices.ContainsFunc(w.messages(), func(line string) bool { return strings.Contains(line, "TLS is being disabled") }) {
		t.Errorf("messages %q", w.messages())
	}
	var deleted []string
	for _, object := range outcome.Objects {
		if object.Change == changeDeleted {
			deleted = append(deleted, object.Ref())
		}
	}
	if diff := cmp.Diff([]string{"secret/d-client-tls in namespace jobs", "secret/d-server-tls", "secret/d-client-tls"}, deleted); diff != "" {
		t.Error(diff)
	}
	if w.secret("jobs", "d-client-tls") != nil || w.secret("ci", "d-server-tls") != nil {
		t.Error("a Secret remains")
	}
}

func TestInstallRenewsCertificates(t *testing.T) {
	for _, test := range []struct {
		name    string
		days    int
		rotate  bool
		want    []string
		message string
	}{
		{"more than a third of the lifetime is left", 200, false, nil, ""},
		{"less than a third of the lifetime is left", 300, false, []string{"patch deployments", "patch secrets", "patch secrets"}, "less than a third"},
		{"requested", 0, true, []string{"patch deployments", "patch secrets", "patch secrets"}, "keep working"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := installedWorld(t, secure)
			w.Now = func() time.Time { return noon.AddDate(0, 0, test.days) }
			if _, err := w.Install(t.Context(), options(secure), InstallOptions{SkipPreflight: true, RotateCertificates: test.rotate}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, w.Writes()); diff != "" {
				t.Error(diff)
			}
			if messages := strings.Join(w.messages(), "\n"); !strings.Contains(messages, test.message) {
				t.Errorf("messages %s", messages)
			}
			w.reset()
			if _, err := w.Install(t.Context(), options(secure), InstallOptions{SkipPreflight: true, RotateCertificates: true, DryRun: true}); err != nil {
				t.Fatal(err)
			}
			if messages := strings.Join(w.messages(), "\n"); strings.Contains(messages, "is being renewed") || !strings.Contains(messages, "would be renewed (requested)") {
				t.Errorf("messages of a dry run: %s", messages)
			}
		})
	}
}

// Two concurrent first installs must use the same authority.
func TestConcurrentInstallsUseTheSameCertificates(t *testing.T) {
	other, err := NewCertificates(options(nil), noon)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	attempts := 0
	w.PrependReactor("patch", "secrets", func(ktesting.Action) (bool, runtime.Object, error) {
		attempts++
		return attempts == 1, nil, apierrors.NewConflict(secrets.GroupResource(), "d-client-tls", errors.New("modified"))
	})
	created := false
	w.PrependReactor("create", "secrets", func(ktesting.Action) (bool, runtime.Object, error) {
		if created {
			return false, nil, nil
		}
		created = true
		labels := map[string]string{kube.ManagedByLabel: kube.ManagedByValue, kube.InstanceLabel: "d"}
		w.Add(&corev1.Secret{ObjectMeta: secretMeta("d-server-tls", labels), Data: other.Server}, &corev1.Secret{ObjectMeta: secretMeta("d-client-tls", labels), Data: other.Client})
		return true, nil, apierrors.NewAlreadyExists(secrets.GroupResource(), "d-server-tls")
	})
	// Rotating the new certificates of the other install would reject its jobs.
	if _, err := w.Install(t.Context(), options(secure), InstallOptions{SkipPreflight: true, RotateCertificates: true}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]map[string][]byte{"d-server-tls": other.Server, "d-client-tls": other.Client} {
		if diff := cmp.Diff(want, w.secret("ci", name).Data); diff != "" {
			t.Errorf("%s does not have the certificates of the other install", name)
		}
	}
}

// Private keys appear neither in results nor in events.
func TestInstallDoesNotShowPrivateKeys(t *testing.T) {
	w := newWorld(t)
	results := []any{w.install(t, options(secureFor("jobs")))}
	privateKeys := func() (keys []string) {
		for _, secret := range []*corev1.Secret{w.secret("ci", "d-server-tls"), w.secret("ci", "d-client-tls")} {
			for _, name := range []string{"key.pem", "ca-key.pem"} {
				if key, has := secret.Data[name]; has {
					// A line of the key, and the key as encoded in JSON.
					keys = append(keys, strings.Split(string(key), "\n")[1])
					encoded, _ := json.Marshal(key)
					keys = append(keys, string(encoded[1:40]))
				}
			}
		}
		return keys
	}
	keys := privateKeys()
	for _, how := range []InstallOptions{{DryRun: true}, {}, {DryRun: true}} {
		how.SkipPreflight, how.RotateCertificates = true, true
		outcome, err := w.Install(t.Context(), options(secure), how)
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, outcome)
	}
	keys = append(keys, privateKeys()...)
	change(t, w, secrets, "d-server-tls", func(s *corev1.Secret) { s.Labels = nil })
	_, err := w.Install(t.Context(), options(secure), InstallOptions{})
	var notOwned *apply.NotOwnedError
	if !errors.As(err, &notOwned) || len(notOwned.Previews) == 0 {
		t.Fatalf("got %v", err)
	}
	for _, preview := range notOwned.Previews {
		results = append(results, NewObjectChange(preview))
	}
	encoded, err := json.Marshal(results)
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	shown := string(encoded) + fmt.Sprint(w.events)
	w.mu.Unlock()
	for _, key := range keys {
		if strings.Contains(shown, key) {
			t.Error("a private key is shown")
		}
	}
	if !strings.Contains(shown, "data.key.pem") || len(keys) != 12 {
		t.Errorf("data.key.pem is not shown as changed, or there are %d keys instead of 12", len(keys))
	}
}

// verifyWith returns the options of a daemon that accepts client certificates of these
// authorities.
func verifyWith(authorities *x509.CertPool) x509.VerifyOptions {
	return x509.VerifyOptions{Roots: authorities, CurrentTime: noon, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
}
