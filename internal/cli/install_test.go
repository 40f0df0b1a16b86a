package cli

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/lifecycle"
)

const (
	block    = "variables:\n  DOCKER_HOST: tcp://docker-dind.ci.svc:2375\n  DOCKER_TLS_CERTDIR: \"\"\n"
	remark   = "Jobs that set these variables share the daemon's cache.\n" + servicesHint + "\n"
	answered = "Daemon: Docker Engine 29.7.2 is responding, storage driver overlay2\n"
	leads    = "Service: routes to the pod\n"
	ready    = "Pod: pod docker-dind-abc-1 is ready\n"
)

func TestInstall(t *testing.T) {
	const place = "Cluster: context test, namespace ci: "
	steps := []struct {
		name, args, stderr string
	}{
		{"from nothing", "install", place + "6 of 6 objects to create\nObjects: 6 created\n" + ready + answered + leads + remark},
		{"again", "install", place + "everything is up to date\nObjects: 6 unchanged\n" + ready + answered + leads + remark},
		{"with other options", "install --prune-unused-for 24h", place + "0 of 6 objects to create, 1 to change\n" +
			"cronjob/docker-dind-clear-cache spec.jobTemplate.spec.template.spec.containers[name=clear-cache].env[name=PRUNE_UNUSED_FOR].value: changed\nObjects: 1 configured, 5 unchanged\n" + ready + answered + leads + remark},
		{"quietly", "-q install --prune-unused-for 24h", ""},
		{"without waiting", "install --no-wait --prune-unused-for 24h", place + "everything is up to date\nObjects: 6 unchanged\n" + remark},
	}
	w := newWorld(t, clustertest.DefaultClass())
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			code, stdout, stderr := w.run(t, strings.Fields(step.args)...)
			if code != 0 || stdout != block {
				t.Errorf("code %d, stdout %q", code, stdout)
			}
			// The last two steps go on at once.
			if got := strings.Replace(stderr, leads+answered, answered+leads, 1); got != step.stderr {
				t.Errorf("got  %q\nwant %q", got, step.stderr)
			}
		})
	}
}

func TestInstallVerbosely(t *testing.T) {
	_, _, stderr := newWorld(t, clustertest.DefaultClass()).run(t, "install", "-v")
	for _, line := range []string{
		"Cluster: reading context test, namespace ci\n", "Objects: service/docker-dind created\n", "Daemon: asking the daemon through a port-forward\n",
	} {
		if !strings.Contains(stderr, line) {
			t.Errorf("got %s, want %q in it", stderr, line)
		}
	}
}

func TestInstallAsDocument(t *testing.T) {
	w := newWorld(t, clustertest.DefaultClass())
	code, stdout, _ := w.run(t, "install", "-o", "json")
	var got lifecycle.Installation
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != 0 {
		t.Fatalf("%d, %v: %s", code, err, stdout)
	}
	if len(got.Objects) != 6 || got.Objects[0].Change != "created" || got.DockerHost != "tcp://docker-dind.ci.svc:2375" ||
		got.Variables["DOCKER_HOST"] != got.DockerHost || got.Daemon == nil || got.Daemon.Version != "29.7.2" || got.Name != "docker-dind" || got.Namespace != "ci" {
		t.Errorf("got %+v", got)
	}
}

func TestInstallRefused(t *testing.T) {
	foreign := metav1.ObjectMeta{Namespace: "ci", Name: "docker-dind"}
	tests := []struct {
		name   string
		there  []runtime.Object
		args   string
		code   int
		stderr string // its end
	}{
		{"somebody else's objects", []runtime.Object{&corev1.Service{ObjectMeta: foreign}}, "install", 1,
			"error: these objects exist and were not created by dindctl; nothing was changed: service/docker-dind\nwith --adopt:\n~ service/docker-dind (adopted)\n" +
				"    metadata.labels.app: added docker-dind\n    metadata.labels.app.kubernetes.io/instance: added docker-dind\n" +
				"    metadata.labels.app.kubernetes.io/managed-by: added dindctl\n    metadata.labels.app.kubernetes.io/name: added docker-dind\n" +
				"    metadata.labels.app.kubernetes.io/version: added 29.7.2\n" +
				"    spec.ports[port=2375,protocol=TCP]: added {\"name\":\"daemon-port\",\"port\":2375,\"protocol\":\"TCP\",\"targetPort\":\"daemon-port\"}\n" +
				"    spec.selector: added {\"app\":\"docker-dind\"}\n    spec.type: added ClusterIP\n" +
				"next: --adopt adopts them in place, and the claim keeps its data; --name installs under another name\n"},
		{"no claim", nil, "install --existing-claim old", 1,
			"error: there is no claim old in namespace ci\nnext: `kubectl get pvc` lists the claims that --existing-claim can use\n"},
		{"no storage class", nil, "install --storage-class fast", 3,
			"error: the preflight checks failed; nothing was changed\n  storage class: there is no class \"fast\"\n    Name one of these with --storage-class: standard.\n" +
				"next: `dindctl check` shows all checks; --skip-preflight skips them\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, append(test.there, clustertest.DefaultClass())...)
			code, stdout, stderr := w.run(t, strings.Fields(test.args)...)
			if code != test.code || stdout != "" || !strings.HasSuffix(stderr, test.stderr) {
				t.Errorf("got  %d, %q, %q\nwant %d, %q", code, stdout, stderr, test.code, test.stderr)
			}
			for _, action := range w.Actions() {
				patch, is := action.(ktesting.PatchActionImpl)
				if is && len(patch.PatchOptions.DryRun) == 0 || action.GetVerb() == "delete" {
					t.Errorf("sent %v", action)
				}
			}
		})
	}
}

// A daemon that does not answer is no success, whatever the pod says.
func TestInstallWithoutAnAnswer(t *testing.T) {
	w := newWorld(t, clustertest.DefaultClass())
	w.engine.Refuse = errDown
	code, stdout, stderr := w.run(t, "install")
	if code != 3 || stdout != "" || !strings.HasSuffix(stderr, "error: asking the daemon in pod/docker-dind-abc-1: connection refused\nnext: kubectl logs -n ci docker-dind-abc-1\n") {
		t.Errorf("got %d, %q, %q", code, stdout, stderr)
	}
}

// stuck is a world whose Deployment is never ready.
func stuck(t *testing.T) *world {
	w := newWorld(t, clustertest.DefaultClass())
	w.Idle = true
	return w
}

func TestInstallEnds(t *testing.T) {
	t.Run("in time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			code, stdout, stderr := stuck(t).runUnder(t.Context(), "dindctl", "install", "--timeout", "90s")
			want := "error: deployment/docker-dind is not ready after 1m30s: waiting for the deployment controller\n" +
				"next: follow with `dindctl status --watch`, or increase --timeout\n"
			if code != 3 || stdout != "" || !strings.HasSuffix(stderr, want) || time.Since(began) != 90*time.Second {
				t.Errorf("got %d after %s: %q, %q", code, time.Since(began), stdout, stderr)
			}
		})
	})
	t.Run("in five minutes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			if code, _, _ := stuck(t).runUnder(t.Context(), "dindctl", "install"); code != 3 || time.Since(began) != 5*time.Minute {
				t.Errorf("got %d after %s", code, time.Since(began))
			}
		})
	})
	t.Run("when interrupted", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(7*time.Second, func() { cancel(interrupt{}) })
			began := time.Now()
			code, stdout, stderr := stuck(t).runUnder(ctx, "dindctl", "install")
			if code != 130 || stdout != "" || time.Since(began) != 7*time.Second ||
				!strings.HasSuffix(stderr, "Pod: stopped\nerror: interrupted\nnext: run the same command again to continue\n") {
				t.Errorf("got %d after %s: %q, %q", code, time.Since(began), stdout, stderr)
			}
		})
	})
	t.Run("before it began", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		w := newWorld(t)
		if code, _, _ := w.runUnder(ctx, "dindctl", "install", "--mtu", "many"); code != 2 {
			t.Errorf("a wrong command line: got %d", code)
		}
	})
}
