//go:build e2e

package e2e

import (
	"encoding/json"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Something other than a working daemon answers on the daemon's port, in a pod
// that is ready because it has no probes. status says what it is, with a hint,
// and install restores the daemon.
func TestDaemonErrors(t *testing.T) {
	t.Parallel()
	i := inNewNamespace(t, nil)
	r := dindctl(t, i.command("install", i.installOptions("--env", "DOCKER_TLS_CERTDIR=/certs")...)...).want(t, usage)
	r.says(t, "DOCKER_TLS_CERTDIR", "TLS")
	i.install(t)
	for _, test := range []struct {
		name, script, reason string
		words                []string
		hint                 string
	}{
		// With this variable, which some guides set, the image's entrypoint
		// creates certificates and listens on another port.
		{"moved to TLS", `DOCKER_TLS_CERTDIR=/certs exec dockerd-entrypoint.sh`, "DaemonUnreachable", []string{"connection refused"}, ""},
		// The engine itself, with TLS on the plain port.
		{"TLS on the plain port", `
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=e2e -days 1 -keyout /tmp/key -out /tmp/cert 2>/dev/null
exec dockerd --host=tcp://0.0.0.0:2375 --tls --tlscacert=/tmp/cert --tlskey=/tmp/key --tlscert=/tmp/cert`, "DaemonWantsTLS", []string{"TLS"}, "DOCKER_TLS_CERTDIR"},
		{
			"API too old for the client",
			httpServer(`HTTP/1.1 200 OK\r\nApi-Version: 1.24\r\nDocker-Experimental: false\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK`),
			"DaemonTooOld", []string{"1.24", "1.40"}, "--image",
		},
		{
			"no Docker Engine", httpServer(`HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nwelcome`),
			"DaemonUnreachable", []string{"not a Docker Engine"}, "",
		},
		{"nothing listens", `exec sleep 3600`, "DaemonUnreachable", []string{"connection refused"}, ""},
	} {
		// Not in parallel, because they use the same Deployment.
		t.Run(test.name, func(t *testing.T) {
			i.impostor(t, test.script)
			i.eventuallyProblem(t, test.reason, append(test.words, "pod/"+i.pod(t).Name)...)
			s := decode[status](t, dindctl(t, i.command("status", "-o", "json")...).want(t, notReady))
			if s.Healthy || s.Daemon != nil || len(s.Problems) == 0 {
				t.Fatalf("healthy %v, daemon %+v, problems %+v", s.Healthy, s.Daemon, s.Problems)
			}
			contains(t, "hint", s.Problems[0].Hint, test.hint)
			text := dindctl(t, i.command("status")...).want(t, notReady)
			contains(t, "status as text", text.stdout, append(test.words, s.Problems[0].Hint)...)
		})
	}
	i.install(t)
	if s := statusOf(t, i); !s.Healthy {
		t.Errorf("after install: %+v", s.Problems)
	}
}

// httpServer returns a script that answers every request in the same way, with
// the nc of BusyBox: Alpine's has -lk, Debian's has -ll.
func httpServer(answer string) string {
	return `
cat >/tmp/answer <<"END"
while read -r line && [ ${#line} -gt 1 ]; do :; done
printf "` + answer + `"
END
nc -lk -p 2375 -e sh /tmp/answer || exec nc -ll -p 2375 -e sh /tmp/answer`
}

// impostor replaces the daemon by a script without probes, as `kubectl edit`
// would, and waits for its pod.
func (i *installation) impostor(t *testing.T, script string) {
	t.Helper()
	i.edit(t, `{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":1,"containers":[{"name":"docker-dind","startupProbe":null,"readinessProbe":null,
		"command":["sh","-c",`+string(got[[]byte](t)(json.Marshal(script)))+`]}]}}}}`)
}

// edit changes the Deployment as `kubectl edit` would, and waits for a new pod
// to be ready.
func (i *installation) edit(t *testing.T, patch string) {
	t.Helper()
	before := i.pod(t)
	_, err := env.cluster.AppsV1().Deployments(i.namespace).Patch(t.Context(), i.name, types.StrategicMergePatchType,
		[]byte(patch), metav1.PatchOptions{FieldManager: "e2e"})
	must(t, err)
	i.awaitPod(t, before.UID)
}
