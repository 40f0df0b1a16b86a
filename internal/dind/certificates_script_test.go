package dind

import (
	"strings"
	"testing"
)

func TestCertificatesScript(t *testing.T) {
	const (
		now  = "1795953600" // 29 November 2026, 12:00 UTC
		late = "Nov 28 12:00:00 2027 GMT"
		soon = "Dec 11 11:59:59 2026 GMT"
	)
	for _, test := range []struct {
		name, client, daemon string
		want, expiring       string
	}{
		{"both valid for long", late, late, "the certificate of the client is valid for another 364 days\nthe certificate of the daemon is valid for another 364 days\n", ""},
		{"the client's expires", soon, late, "client is valid for another 11 days\n", "the certificate of the client expires in 11 days"},
		{"both expire", "Dec  9 12:00:00 2026 GMT", soon, "", "the certificate of the client expires in 10 days, the certificate of the daemon expires in 11 days"},
		{"exactly 30 days", "Dec 29 12:00:00 2026 GMT", late, "another 30 days", ""},
		{"not readable", "", "no date", "it is unknown when the certificate of the client expires\nit is unknown when the certificate of the daemon expires\n", ""},
	} {
		for name, shell := range shells(t) {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := newBox(t)
				b.write("certs/cert.pem", "client "+test.client)
				b.write("bin/date", "#!/bin/sh\necho "+now+"\n")
				b.stub("openssl", `
read -r whose end
case $1 in
s_client) echo "daemon `+test.daemon+`" ;;
*) echo "notAfter=$end" ;;
esac`)
				script := commented()["images.sh"] + commented()[certificatesScriptName] + "check_certificates 30\necho \"expiring: $expiring\"\n"
				got := b.runText(shell, script, []string{"DOCKER_HOST=tcp://d.ci.svc:2376", "DOCKER_CERT_PATH=" + b.root + "/certs"})
				if !strings.Contains(got.stdout, test.want) || !strings.HasSuffix(got.stdout, "\nexpiring: "+test.expiring+"\n") {
					t.Errorf("%s%s", got.stdout, got.stderr)
				}
				if !strings.Contains(strings.Join(got.calls, "\n"), "openssl s_client -connect d.ci.svc:2376 ") {
					t.Errorf("calls %q", got.calls)
				}
			})
		}
	}
}

// The prune is done before the script fails, once, and prune-now does not fail for it.
func TestPruneOfTLS(t *testing.T) {
	for name, shell := range shells(t) {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			b.write("images", "")
			b.stub("docker", dockerStub)
			b.write("etc/dindctl/"+certificatesScriptName, `check_certificates() { echo "within $1 days"; expiring="it expires in 3 days"; }`)
			got := b.runFile(shell, pruneScriptName, []string{"BOX=" + b.root, "PRUNE_UNUSED_FOR=168h", "PRUNE_CERTIFICATE_DAYS=30"})
			if got.code != expiryCode || !strings.Contains(got.stdout, "within 30 days") || !strings.Contains(strings.Join(got.calls, "\n"), "docker builder prune -af") {
				t.Errorf("exit code %d, %s%s", got.code, got.stdout, got.stderr)
			}
			if said := PruneFailure(b.read("dev/termination-log")); said != "the prune succeeded, but it expires in 3 days: dindctl status says how to renew it" {
				t.Errorf("termination message %q", said)
			}
		})
	}
	manifests, err := mustBuild(t, installation{options: with(func(o *Options) { o.TLS = true }), live: Live{Certificates: someCertificates()}}).YAML()
	if err != nil {
		t.Fatal(err)
	}
	cron := decode(t, manifests).cronJob
	if cron.Spec.JobTemplate.Spec.PodFailurePolicy == nil || !strings.Contains(string(manifests), certificateEnv) {
		t.Error("the Job of the schedule does not fail for certificates")
	}
	for _, variable := range PruneJob(cron, PruneOverrides{}, "now").Spec.Template.Spec.Containers[0].Env {
		if variable.Name == certificateEnv {
			t.Error("prune-now fails for certificates")
		}
	}
}
