package cli

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/clustertest"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/lifecycle"
)

const (
	block      = "variables:\n  DOCKER_HOST: tcp://docker-dind.ci.svc:2375\n  DOCKER_TLS_CERTDIR: \"\"\n"
	remark     = "Jobs that set these variables share the daemon's cache.\n" + servicesHint + "\n"
	responding = "Daemon: Docker Engine 29.7.2 is responding, storage driver overlay2\n"
	routes     = "Service: routes to the pod\n"
	ready      = "Pod: pod docker-dind-abc-1 is ready\n"
)

func TestInstall(t *testing.T) {
	const cluster = "Cluster: context test, namespace ci: "
	steps := []struct {
		name, args, stderr string
	}{
		{"from nothing", "install", cluster + "7 of 7 objects to create\nObjects: 7 created\n" + ready + responding + routes + remark},
		{"again", "install", cluster + "everything is up to date\nObjects: 7 unchanged\n" + ready + responding + routes + remark},
		{"with other options", "install --prune-timezone UTC", cluster + "0 of 7 objects to create, 2 to change\n" +
			"cronjob/docker-dind-clear-cache spec.timeZone: added UTC\n" +
			"Objects: 2 configured, 5 unchanged\n" + ready + responding + routes + remark},
		{"quietly", "-q install --prune-timezone UTC", ""},
		{"without waiting", "install --no-wait --prune-timezone UTC", cluster + "everything is up to date\nObjects: 7 unchanged\n" + remark},
	}
	w := newWorld(t, clustertest.DefaultClass())
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			code, stdout, stderr := w.run(t, strings.Fields(step.args)...)
			if code != 0 || stdout != block {
				t.Errorf("code %d, stdout %q", code, stdout)
			}
			// The last two steps run concurrently.
			if got := strings.Replace(stderr, routes+responding, responding+routes, 1); got != step.stderr {
				t.Errorf("got  %q\nwant %q", got, step.stderr)
			}
		})
	}
}

func TestInstallVerbosely(t *testing.T) {
	_, _, stderr := newWorld(t, clustertest.DefaultClass()).run(t, "install", "-v")
	for _, line := range []string{
		"Cluster: reading context test, namespace ci\n", "Objects: service/docker-dind created\n", "Daemon: connecting to the daemon through a port-forward\n",
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
	if len(got.Objects) != 7 || got.Objects[0].Change != "created" || got.DockerHost != "tcp://docker-dind.ci.svc:2375" ||
		got.Variables["DOCKER_HOST"] != got.DockerHost || got.Daemon == nil || got.Daemon.Version != "29.7.2" || got.Name != "docker-dind" || got.Namespace != "ci" {
		t.Errorf("got %+v", got)
	}
}

func TestInstallRefused(t *testing.T) {
	unmanaged := metav1.ObjectMeta{Namespace: "ci", Name: "docker-dind"}
	tests := []struct {
		name   string
		exist  []runtime.Object
		args   string
		code   int
		stderr string // suffix
	}{
		{"unmanaged objects", []runtime.Object{&corev1.Service{ObjectMeta: unmanaged}}, "install", 1,
			"error: these objects exist and were not created by dindctl; nothing was changed: service/docker-dind\nwith --adopt:\n~ service/docker-dind (adopted)\n" +
				"    metadata.labels.app: added docker-dind\n    metadata.labels.app.kubernetes.io/instance: added docker-dind\n" +
				"    metadata.labels.app.kubernetes.io/managed-by: added dindctl\n    metadata.labels.app.kubernetes.io/name: added docker-dind\n" +
				"    metadata.labels.app.kubernetes.io/version: added 29.7.2\n    metadata.labels.dindctl/instance: added docker-dind\n" +
				"    spec.ports[port=2375,protocol=TCP]: added {\"name\":\"daemon-port\",\"port\":2375,\"protocol\":\"TCP\",\"targetPort\":\"daemon-port\"}\n" +
				"    spec.selector: added {\"app\":\"docker-dind\"}\n    spec.type: added ClusterIP\n" +
				"next: --adopt adopts them in place, and the claim keeps its data; --name installs under another name\n"},
		{"missing claim", nil, "install --existing-claim old", 1,
			"error: there is no claim old in namespace ci\nnext: `kubectl get pvc` lists the claims that --existing-claim can use\n"},
		{"missing storage class", nil, "install --storage-class fast", 3,
			"error: the preflight checks failed; nothing was changed\n  storage class: class \"fast\" does not exist\n    Name one of these with --storage-class: standard.\n" +
				"next: `dindctl check` shows all checks; --skip-preflight skips them\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, append(test.exist, clustertest.DefaultClass())...)
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

// Options that conflict with the existing installation are all listed, and nothing
// is changed. It is not a usage error.
func TestInstallIncompatible(t *testing.T) {
	labels := dind.Labels("docker-dind")
	labels[dind.VersionLabel] = "29.7.2"
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "docker-dind-data", Labels: labels},
		Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: new("standard"),
			Resources:        corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("100Gi")}},
		},
	}
	for _, output := range []string{"text", "json"} {
		w := newWorld(t, claim, clustertest.DefaultClass())
		code, stdout, stderr := w.run(t, strings.Fields("install --storage-size 1Gi --storage-class fast --image docker:26.1.5-dind -o "+output)...)
		if code != exitFailed {
			t.Errorf("got %d", code)
		}
		printed := stderr
		if output == "json" {
			printed = stdout
		}
		golden(t, "incompatible-"+output, printed)
		for _, action := range w.Actions() {
			if verb := action.GetVerb(); verb == "patch" || verb == "delete" {
				t.Errorf("sent %v", action)
			}
		}
	}
}

// install fails if the daemon does not respond, even if the pod is ready.
func TestInstallDaemonNotResponding(t *testing.T) {
	w := newWorld(t, clustertest.DefaultClass())
	w.engine.Refuse = errDown
	code, stdout, stderr := w.run(t, "install")
	if code != 3 || stdout != "" || !strings.HasSuffix(stderr, "error: asking the daemon in pod/docker-dind-abc-1: connection refused\nnext: kubectl logs -n ci docker-dind-abc-1\n") {
		t.Errorf("got %d, %q, %q", code, stdout, stderr)
	}
}

// stuck returns a world whose Deployment never becomes ready.
func stuck(t *testing.T) *world {
	w := newWorld(t, clustertest.DefaultClass())
	w.Idle = true
	return w
}

func TestInstallEnds(t *testing.T) {
	t.Run("at the timeout", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			code, stdout, stderr := stuck(t).runUnder(t.Context(), "dindctl", "install", "--timeout", "90s")
			want := "error: deployment/docker-dind is not ready after 90s: waiting for the deployment controller\n" +
				"next: follow with `dindctl status --watch`, or increase --timeout\n"
			if code != 3 || stdout != "" || !strings.HasSuffix(stderr, want) || time.Since(began) != 90*time.Second {
				t.Errorf("got %d after %s: %q, %q", code, time.Since(began), stdout, stderr)
			}
		})
	})
	t.Run("at the default timeout", func(t *testing.T) {
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
	t.Run("invalid command line of a cancelled context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		w := newWorld(t)
		if code, _, _ := w.runUnder(ctx, "dindctl", "install", "--mtu", "many"); code != 2 {
			t.Errorf("got %d", code)
		}
	})
}
