//go:build e2e

package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/certs"
)

// Somebody else issues the certificates, under cert-manager's keys: install creates no
// Secret, jobs and dindctl itself connect with them, a renewed one is named by status and
// loaded by install, and uninstall keeps them.
func TestTLSSecret(t *testing.T) {
	t.Parallel()
	i := inNewNamespace(t, nil)
	names := []string{i.name + "." + i.namespace + ".svc", "localhost", "127.0.0.1"}
	request := certs.Request{Instance: "e2e", Names: names, Now: time.Now()}
	issued := got[certs.Renewal](t)(certs.Renew(certs.Set{}, request)).Set
	options := []string{"--tls", "--tls-secret", "issued", "--tls-client-secret", "issued-client"}
	contains(t, "the refusal", dindctl(t, i.command("install", i.installOptions(options...)...)...).want(t, notReady).stderr,
		"Secret issued (--tls-secret) does not exist", "cert-manager")

	putSecret(t, i.namespace, "issued", certManagerKeys(issued.Server))
	putSecret(t, i.namespace, "issued-client", certManagerKeys(issued.Client))
	i.install(t, options...)
	pod := withSecret(jobPod(i.image, i.variables, awaitService+build("given")), "issued-client", "/certs/client")
	for key, file := range map[string]string{"ca.crt": certs.CAFile, "tls.crt": certs.CertFile, "tls.key": certs.KeyFile} {
		source := pod.Spec.Volumes[0].Secret
		source.Items = append(source.Items, corev1.KeyToPath{Key: key, Path: file})
	}
	runPod(t, i.namespace, pod).want(t)
	succeed(t, i.command("verify")...)
	succeed(t, i.command("prune-now")...)
	i.statusIsClean(t)
	contains(t, "what the runner mounts", succeed(t, i.command("env", "--format", "runner")...).stdout, `name = "issued-client"`, `"tls.crt" = "cert.pem"`)
	i.hasSecrets(t, "issued", "issued-client")

	// The issuer renews the certificate under the same authority.
	renewed := got[certs.Renewal](t)(certs.Renew(certs.Set{Server: certs.Files{certs.CAFile: issued.Server[certs.CAFile], certs.CAKeyFile: issued.Server[certs.CAKeyFile]}}, request)).Set
	secrets := env.cluster.CoreV1().Secrets(i.namespace)
	secret := got[*corev1.Secret](t)(secrets.Get(t.Context(), "issued", metav1.GetOptions{}))
	secret.Data = certManagerKeys(renewed.Server)
	_, err := secrets.Update(t.Context(), secret, metav1.UpdateOptions{})
	must(t, err)
	eventually(t, "status to name the new certificate", func(context.Context) (bool, error) {
		return statusOf(t, i).says("The daemon was not restarted since its certificate changed", "dindctl install --reuse-options"), nil
	})
	before := i.pod(t).UID
	succeed(t, i.command("install", "--reuse-options")...)
	if i.pod(t).UID == before {
		t.Error("the pod was not restarted")
	}
	i.statusIsClean(t)

	succeed(t, i.command("uninstall", "--delete-data", "--yes")...)
	i.hasSecrets(t, "issued", "issued-client")
}

// A certificate expires soon, and nobody looks: the prune Job, which runs each week, does
// its work, and then fails and says why; install renews the certificate.
func TestCertificatesExpire(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest(), "--tls")
	// What the same authority issued 345 days ago.
	old := certs.Request{Instance: i.name, Now: time.Now().AddDate(0, 0, -345)}
	issued := got[certs.Renewal](t)(certs.Renew(certs.Set{Server: i.secrets(t)[serverSecret].Data}, old))
	equal(t, "the authority is new", issued.Authority, "")
	client := i.secrets(t)[clientSecret]
	authority := client.Data[certs.CAFile]
	client.Data = issued.Set.Client
	client.Data[certs.CAFile] = authority
	_, err := env.cluster.CoreV1().Secrets(i.namespace).Update(t.Context(), client, metav1.UpdateOptions{})
	must(t, err)
	if s := statusOf(t, i); !s.Healthy || !s.says("The certificate of the clients expires on", "in 19 days") && !s.says("in 20 days") {
		t.Errorf("status: %+v", s.Problems)
	}
	i.startScheduledPrune(t, func(*batchv1.JobSpec) {})
	eventually(t, "the prune Job to fail", func(context.Context) (bool, error) {
		prune := decode[status](t, dindctl(t, i.command("status", "-o", "json")...)).Prune
		return prune.LastFailure != nil && *prune.LastResult == "failed" &&
			strings.Contains(*prune.LastFailure, "the prune succeeded, but the certificate of the client expires in") &&
			strings.Contains(*prune.LastFailure, "dindctl status says how to renew it"), nil
	})
	succeed(t, i.command("install", "--reuse-options")...)
	if s := statusOf(t, i); s.says("The certificate") {
		t.Errorf("after the renewal: %+v", s.Problems)
	}
}

// statusIsClean checks that status names no problem.
func (i *installation) statusIsClean(t *testing.T) {
	t.Helper()
	s := statusOf(t, i)
	if !s.Healthy || len(s.Problems) > 0 {
		t.Errorf("status: %+v", s.Problems)
	}
}

// certManagerKeys returns the files under the keys of cert-manager.
func certManagerKeys(files certs.Files) map[string][]byte {
	return map[string][]byte{"ca.crt": files[certs.CAFile], corev1.TLSCertKey: files[certs.CertFile], corev1.TLSPrivateKeyKey: files[certs.KeyFile]}
}

// hasSecrets checks the names of the Secrets in the namespace.
func (i *installation) hasSecrets(t *testing.T, want ...string) {
	t.Helper()
	list := got[*corev1.SecretList](t)(env.cluster.CoreV1().Secrets(i.namespace).List(t.Context(), metav1.ListOptions{}))
	var names []string
	for _, secret := range list.Items {
		names = append(names, secret.Name)
	}
	slices.Sort(names)
	equal(t, "Secrets", names, want)
}
