//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// What answers on the daemon's port is not what is expected there: a pod that is
// ready all the same, as one without dindctl's probes may be.
func TestErrorsOfTheDaemon(t *testing.T) {
	inParallel(t,
		named{"daemon moved to TLS", daemonMovedToTLS},
		named{"TLS on the plain port", tlsOnThePlainPort},
		named{"API too old for the client", daemonTooOld},
		named{"no Docker Engine", noEngine},
		named{"nothing listens", nothingListens},
	)
}

// DOCKER_TLS_CERTDIR, as somebody sets it who follows a guide to the letter: the
// image's entrypoint makes certificates and listens on another port. status says
// why there is no daemon, and install sets it straight.
func daemonMovedToTLS(t *testing.T) {
	i := inNewNamespace(t, nil)
	i.install(t)
	r := dindctl(t, i.command("install", i.installOptions("--env", "DOCKER_TLS_CERTDIR=/certs")...)...).want(t, usage)
	r.says(t, "DOCKER_TLS_CERTDIR", "TLS")
	i.edit(t, `{"spec":{"template":{"spec":{"containers":[{"name":"docker-dind","startupProbe":null,"readinessProbe":null,
		"args":["--tls=true"],"env":[{"name":"DOCKER_TLS_CERTDIR","value":"/certs"}]}]}}}}`)
	i.eventuallyProblem(t, "DaemonUnreachable", i.pod(t).Name)
	i.install(t)
	if s := statusOf(t, i); !s.Healthy {
		t.Errorf("after install: %+v", s.Problems)
	}
}

// The engine itself, which speaks TLS where it should not.
func tlsOnThePlainPort(t *testing.T) {
	i := inNewNamespace(t, nil)
	s := i.impostor(t, `
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=e2e -days 1 -keyout /tmp/key -out /tmp/cert 2>/dev/null
exec dockerd --host=tcp://0.0.0.0:2375 --tls --tlskey=/tmp/key --tlscert=/tmp/cert`, "DaemonWantsTLS", "TLS")
	contains(t, "hint", s, "DOCKER_TLS_CERTDIR")
}

func daemonTooOld(t *testing.T) {
	i := inNewNamespace(t, nil)
	s := i.impostor(t, httpServer(`HTTP/1.1 200 OK\r\nApi-Version: 1.24\r\nDocker-Experimental: false\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK`),
		"DaemonTooOld", "1.24", "1.40")
	contains(t, "hint", s, "--image")
}

func noEngine(t *testing.T) {
	i := inNewNamespace(t, nil)
	i.impostor(t, httpServer(`HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nwelcome`),
		"DaemonUnreachable", "not a Docker Engine")
}

func nothingListens(t *testing.T) {
	i := inNewNamespace(t, nil)
	i.impostor(t, `exec sleep 3600`, "DaemonUnreachable", "connection refused")
}

// httpServer is a script that gives every request the same answer.
func httpServer(answer string) string {
	return `exec perl -MIO::Socket::INET -e '
my $server = IO::Socket::INET->new(LocalPort => 2375, Listen => 20, ReuseAddr => 1) or die $!;
while (my $client = $server->accept) {
	while (my $line = <$client>) { last if $line =~ /^\r?\n/ }
	print $client "` + answer + `";
	close $client;
}'`
}

// impostor puts a script in the daemon's place, without probes, and checks that
// status, with exit code 3, names the reason in these words. It gives the hint.
// Jobs cannot use such a daemon, and prune-now ends as well. install puts the
// daemon back.
func (i *installation) impostor(t *testing.T, script, reason string, words ...string) (hint string) {
	t.Helper()
	i.install(t)
	i.edit(t, `{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":1,"containers":[{"name":"docker-dind","startupProbe":null,"readinessProbe":null,
		"command":["sh","-c",`+string(got[[]byte](t)(json.Marshal(script)))+`]}]}}}}`)
	i.eventuallyProblem(t, reason, append(words, "pod/"+i.pod(t).Name)...)
	s := decode[status](t, dindctl(t, i.command("status", "-o", "json")...).want(t, notReady))
	if s.Healthy || s.Daemon != nil {
		t.Errorf("healthy %v, daemon %+v", s.Healthy, s.Daemon)
	}
	for _, p := range s.Problems {
		if p.Reason == reason {
			hint = p.Hint
		}
	}
	text := dindctl(t, i.command("status")...).want(t, notReady)
	contains(t, "status as text", text.stdout, words...)
	contains(t, "status as text", text.stdout, hint)
	i.install(t)
	return hint
}

// edit changes the Deployment as `kubectl edit` would, and waits for a pod of
// the new kind that is ready.
func (i *installation) edit(t *testing.T, patch string) {
	t.Helper()
	before := i.pod(t)
	_, err := env.cluster.AppsV1().Deployments(i.namespace).Patch(t.Context(), i.name, types.StrategicMergePatchType,
		[]byte(patch), metav1.PatchOptions{FieldManager: "e2e"})
	must(t, err)
	eventually(t, "the edited pod", func(ctx context.Context) (bool, error) {
		pods, err := env.cluster.CoreV1().Pods(i.namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=" + i.name})
		if err != nil || len(pods.Items) != 1 || pods.Items[0].UID == before.UID {
			return false, err
		}
		return podReady(&pods.Items[0]), nil
	})
}
