//go:build e2e

package e2e

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/certs"
)

const (
	serverSecret = defaultName + "-server-tls"
	clientSecret = defaultName + "-client-tls"
)

// Mutual TLS with each engine: jobs with the Secret can build, in the
// installation's namespace and in an allowed one; all other clients are
// rejected; and after a rotation, jobs with the old certificates keep working.
func TestTLS(t *testing.T) {
	t.Parallel()
	for _, image := range env.images {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			jobs := newNamespace(t)
			createNamespace(t, jobs)
			i := install(t, image, "--tls", "--allow-namespace", jobs)
			equal(t, "variables", i.variables, map[string]string{
				"DOCKER_HOST":        "tcp://docker-dind." + i.namespace + ".svc:2376",
				"DOCKER_TLS_CERTDIR": "", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs/client",
			})
			buildsWith(t, i, i.namespace, clientSecret, false)
			buildsWith(t, i, jobs, clientSecret, true)
			checkOthersRejected(t, i)

			before, pod := i.secrets(t), i.pod(t)
			again := decode[installed](t, succeed(t, i.command("install", i.installOptions("--tls", "--allow-namespace", jobs, "-o", "json")...)...))
			equal(t, "changes of a second install", again.changes(), []string{"unchanged"})
			equal(t, "the pod after a second install", i.pod(t).UID, pod.UID)

			putSecret(t, i.namespace, "from-before", before[clientSecret].Data)
			checkRotation(t, i, jobs)
			buildsWith(t, i, i.namespace, "from-before", true)
			buildsWith(t, i, jobs, clientSecret, true)

			checkTLSStatus(t, i)
			succeed(t, i.command("prune-now")...)
			succeed(t, i.command("verify")...)
			succeed(t, i.command("verify", "--from", jobs)...)
			checkSecretsRemoved(t, i, jobs)
		})
	}
}

// secrets returns the installation's Secrets by name.
func (i *installation) secrets(t *testing.T) map[string]*corev1.Secret {
	t.Helper()
	found := map[string]*corev1.Secret{}
	for _, name := range []string{serverSecret, clientSecret} {
		found[name] = got[*corev1.Secret](t)(env.cluster.CoreV1().Secrets(i.namespace).Get(t.Context(), name, metav1.GetOptions{}))
	}
	return found
}

// buildsWith builds in a job that has the certificates of this Secret. The daemon's are
// also valid for the name of its pod.
func buildsWith(t *testing.T, i *installation, namespace, secret string, fromCache bool) {
	t.Helper()
	named := "docker -H tcp://" + i.name + "." + i.name + "-pods." + i.namespace + ".svc:2376 version >/dev/null\n"
	pod := withSecret(jobPod(i.image, i.variables, awaitService+named+build("secure")), secret, "/certs/client")
	steps, cached := cachedSteps(t, runPod(t, namespace, pod).want(t).log)
	want := 0
	if fromCache {
		want = len(steps)
	}
	if len(cached) != want {
		t.Errorf("steps %v of %v come from the cache of a job in %s with %s", cached, steps, namespace, secret)
	}
}

// checkOthersRejected tries to connect without a valid certificate in several ways.
// Valid attempts come first and last, to show that the daemon is available.
func checkOthersRejected(t *testing.T, i *installation) {
	t.Helper()
	ours := certs.Set{Server: i.secrets(t)[serverSecret].Data}
	wish := certs.Request{Instance: i.name, Now: time.Now()}
	foreign := got[certs.Renewal](t)(certs.Renew(certs.Set{}, wish)).Set.Client
	foreign[certs.CAFile] = ours.Server[certs.CAFile]
	// A job's certificate that this certificate authority signed two years ago.
	wish.Now = time.Now().AddDate(-2, 0, 0)
	renewal := got[certs.Renewal](t)(certs.Renew(ours, wish))
	if renewal.Authority != "" {
		t.Fatalf("the expired certificate has a new authority: %s", renewal.Authority)
	}
	expired := renewal.Set.Client
	if end, err := certs.Ends(expired); err != nil || end.After(time.Now()) {
		t.Fatalf("the expired certificate is valid until %v: %v", end, err)
	}
	expired[certs.CAFile] = ours.Server[certs.CAFile]
	putSecret(t, i.namespace, "foreign", foreign)
	putSecret(t, i.namespace, "expired", expired)

	host := strings.TrimPrefix(i.variables["DOCKER_HOST"], "tcp://")
	plain := strings.TrimSuffix(host, "2376") + "2375"
	script := `
connect() { # NAME ARGUMENTS: prints whether docker can connect, and its output
	name=$1; shift
	# With TLS 1.3 the daemon refuses after the client's handshake. A client that is still
	# writing its request may see the connection reset instead of the alert.
	for try in 1 2 3 4 5; do
		if docker "$@" version --format '{{.Server.Version}}' >/tmp/output 2>&1; then echo "$name: accepted"; return; fi
		grep -q 'connection reset by peer' /tmp/output || break
	done
	echo "$name: refused: $(tr '\n' ' ' </tmp/output)"
}
connect valid
unset DOCKER_TLS_VERIFY DOCKER_CERT_PATH DOCKER_HOST
connect plain -H tcp://HOST
connect plain-port -H tcp://PLAIN
connect no-certificate --tlsverify --tlscacert /certs/client/ca.pem -H tcp://HOST
for who in foreign expired client; do
	connect $who --tlsverify --tlscacert /certs/$who/ca.pem --tlscert /certs/$who/cert.pem --tlskey /certs/$who/key.pem -H tcp://HOST
	# docker does not send a certificate whose CA the daemon does not ask for; openssl does.
	{ printf 'GET /_ping HTTP/1.0\r\n\r\n'; sleep 1; } | timeout 20 openssl s_client -quiet -verify_return_error -connect HOST \
		-CAfile /certs/$who/ca.pem -cert /certs/$who/cert.pem -key /certs/$who/key.pem >/tmp/output 2>&1 || true
	if grep -q '200 OK' /tmp/output; then echo "openssl $who: accepted"; else echo "openssl $who: refused: $(tr '\n' ' ' </tmp/output)"; fi
done
`
	script = strings.NewReplacer("HOST", host, "PLAIN", plain).Replace(script)
	// The names of the variables also contain HOST.
	script = strings.ReplaceAll(script, "DOCKER_"+host, "DOCKER_HOST")
	pod := jobPod(i.image, i.variables, awaitService+script)
	withSecret(withSecret(withSecret(pod, clientSecret, "/certs/client"), "foreign", "/certs/foreign"), "expired", "/certs/expired")
	r := runPod(t, i.namespace, pod).want(t, "valid: accepted", "client: accepted", "openssl client: accepted", "openssl foreign: refused: ", "openssl expired: refused: ",
		"plain: refused: ", "HTTPS server", "plain-port: refused: ", "no-certificate: refused: ", "foreign: refused: ", "expired: refused: ")
	if n := strings.Count(r.log, ": accepted"); n != 3 {
		t.Errorf("%d were accepted, want 3", n)
	}
	if n := strings.Count(r.log, ": remote error: tls: "); n != 3 {
		t.Errorf("the daemon's TLS refused %d, want 3", n)
	}
	if n := strings.Count(r.log, "alert unknown ca") + strings.Count(r.log, "alert certificate expired"); n < 2 {
		t.Error("the daemon does not say why it refuses certificates")
	}
}

// checkRotation replaces the certificate authority, after a dry run that shows no key
// and changes nothing.
func checkRotation(t *testing.T, i *installation, jobs string) {
	t.Helper()
	options := i.installOptions("--tls", "--rotate-certs", "--allow-namespace", jobs)
	before, pod := i.secrets(t), i.pod(t)
	tried := succeed(t, i.command("install", append(slices.Clone(options), "-v", "--dry-run")...)...)
	if !strings.Contains(tried.stdout, "data.key.pem: changed") {
		t.Errorf("the dry run does not say that a key would change:\n%s", tried.stdout)
	}
	equal(t, "Secrets after a dry run", i.secrets(t)[serverSecret].ResourceVersion, before[serverSecret].ResourceVersion)
	done := succeed(t, i.command("install", append(slices.Clone(options), "-v")...)...).says(t, "keep working")
	after := i.secrets(t)
	if i.pod(t).UID == pod.UID {
		t.Error("the daemon does not use its new certificate")
	}
	for _, secrets := range []map[string]*corev1.Secret{before, after} {
		for secret := range maps.Values(secrets) {
			for name, content := range secret.Data {
				line := strings.Split(string(content), "\n")[1]
				if output := tried.stdout + tried.stderr + done.stdout + done.stderr; strings.Contains(output, line) {
					t.Errorf("%s of %s was printed", name, secret.Name)
				}
			}
		}
	}
	for name := range after {
		if string(before[name].Data[certs.KeyFile]) == string(after[name].Data[certs.KeyFile]) {
			t.Errorf("%s still has the old key", name)
		}
	}
}

// checkTLSStatus checks the status of an installation with TLS.
func checkTLSStatus(t *testing.T, i *installation) {
	t.Helper()
	r := succeed(t, i.command("status", "-o", "json")...)
	s := decode[struct {
		Healthy, TLS bool
		DockerHost   string
		Certificates map[string]time.Time
		Problems     []any
		Objects      []struct{ Kind, Name, State string }
	}](t, r)
	if !s.Healthy || !s.TLS || s.DockerHost != i.variables["DOCKER_HOST"] || len(s.Problems) > 0 {
		t.Errorf("status: %s", r.stdout)
	}
	for _, of := range []string{"serverExpires", "clientExpires"} {
		if left := time.Until(s.Certificates[of]); left < 300*24*time.Hour || left > 366*24*time.Hour {
			t.Errorf("%s is %v", of, s.Certificates[of])
		}
	}
	secrets := 0
	for _, object := range s.Objects {
		if object.Kind == "Secret" && (object.State == "Valid" || object.State == "Present") {
			secrets++
		}
	}
	equal(t, "valid Secrets in status", secrets, 3)
}

// checkSecretsRemoved disables and enables TLS, uninstalls, and checks that the
// Secrets are removed.
func checkSecretsRemoved(t *testing.T, i *installation, jobs string) {
	t.Helper()
	none := func(when string) {
		t.Helper()
		for _, at := range []struct{ namespace, name string }{{i.namespace, serverSecret}, {i.namespace, clientSecret}, {jobs, clientSecret}} {
			_, err := env.cluster.CoreV1().Secrets(at.namespace).Get(t.Context(), at.name, metav1.GetOptions{})
			if !apierrors.IsNotFound(err) {
				t.Errorf("%s: secret %s in %s: %v", when, at.name, at.namespace, err)
			}
		}
	}
	dindctl(t, i.command("install", i.installOptions()...)...).want(t, failed).says(t, "--tls=false")
	if i.image == env.newest() {
		secure := i.variables
		i.install(t, "--tls=false")
		none("after --tls=false")
		i.buildsCached(t, "secure", "after TLS was switched off")
		i.install(t, "--tls", "--allow-namespace", jobs)
		equal(t, "variables", i.variables, secure)
	}
	claim := i.claim(t)
	succeed(t, i.command("uninstall")...)
	none("after uninstall")
	equal(t, "the claim after uninstall", i.claim(t).UID, claim.UID)
}
