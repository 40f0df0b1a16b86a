package lifecycle

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/rollout"
)

func TestVerifyFails(t *testing.T) {
	var (
		missing  *NotInstalledError
		notReady *rollout.NotReadyError
		failure  *VerifyError
	)
	reporting := func(message string) func(*testing.T, *world) {
		return func(_ *testing.T, w *world) { w.RunJobs(batchv1.JobComplete, corev1.PodSucceeded, message) }
	}
	for _, test := range []struct {
		name   string
		world  func(*testing.T) *world
		before func(*testing.T, *world)
		as     any
		want   string
		reason string
		log    string
	}{
		{"not installed", func(t *testing.T) *world { return newWorld(t) }, nil, &missing, "d is not installed in namespace ci", "", ""},
		{"the pod is not ready", nil, func(t *testing.T, w *world) {
			change(t, w, deployments, "d", func(d *appsv1.Deployment) { d.Status.AvailableReplicas = 0 })
		}, &notReady, "deployment/d is not ready", "", ""},
		{"not cached", nil, reporting("outcome=uncached\nsteps=2\ncold=9\ncold-cached=0\nwarm=9\nwarm-cached=1\n\n#4 x"), &failure,
			"a job in namespace ci reaches the daemon, but its second build is not served from the cache: only 1 of 2 steps are", "NotCached", "#4 x"},
		{"another replica", nil, reporting("outcome=misrouted\n\nit chose tcp://d-1.ci.svc:2375"), &failure,
			"a job in namespace ci reaches the daemon, but the script of `dindctl env` chooses another one for this replica's projects", "Misrouted", "it chose tcp://d-1.ci.svc:2375"},
		{"the build fails", nil, reporting("outcome=failed\nsteps=2\n\nERROR: no space left on device"), &failure,
			"a job in namespace ci reaches the daemon, but its build fails", "BuildFailed", "ERROR: no space left on device"},
		{"the daemon does not trust a registry", nil, reporting("outcome=failed\nsteps=2\n\nx509: certificate signed by unknown authority"), &failure,
			"a job in namespace ci reaches the daemon, but its build fails", "RegistryUntrusted", "x509: certificate signed by unknown authority"},
		{"a registry limits pulls", nil, reporting("outcome=failed\nsteps=2\n\ntoomanyrequests: x"), &failure,
			"a job in namespace ci reaches the daemon, but its build fails", "RegistryRateLimit", "toomanyrequests: x"},
		{"the cache is damaged", nil, reporting("outcome=failed\nsteps=2\n\n#4 ERROR: snapshot sha256:ab does not exist: not found"), &failure,
			"a job in namespace ci reaches the daemon, but its build fails because the build cache is damaged", "CacheDamaged", "#4 ERROR: snapshot sha256:ab does not exist: not found"},
		{"no answer", nil, reporting("outcome=silent\n\nx"), &failure,
			"a job in namespace ci gets no answer from tcp://d.ci.svc:2375 although the daemon's pod is ready", "NoAnswer", "x"},
		{"another program answers", nil, reporting("outcome=unusable\n\nx"), &failure,
			"a job in namespace ci reaches tcp://d.ci.svc:2375, but the server there is not a usable Docker daemon", "DaemonUnusable", "x"},
		{"the Service is gone", nil, func(t *testing.T, w *world) {
			if err := w.CoreV1().Services("ci").Delete(t.Context(), "d", metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
			reporting("outcome=unresolved\n\n")(t, w)
		}, &failure, "a job in namespace ci cannot resolve the Service's name", "ServiceMissing", ""},
		{"the Job does not report a result", nil, reporting("sh: syntax error"), &failure,
			"verification from namespace ci failed: the Job reported no result: no outcome in \"sh: syntax error\"", "JobFailed", ""},
		{"the Job fails", nil, func(_ *testing.T, w *world) { w.RunJobs(batchv1.JobFailed, corev1.PodFailed, "") }, &failure,
			"failed: BackoffLimitExceeded: it failed too often", "JobFailed", "fake logs"},
		{"the pod of the Job is gone", nil, func(_ *testing.T, w *world) { w.RunJobs(batchv1.JobComplete, "", "") }, &failure,
			"its pod is gone", "JobFailed", ""},
		{"the Job takes too long", nil, func(_ *testing.T, w *world) { w.RunJobs("", corev1.PodRunning, "") }, &notReady,
			"is not ready after 30s: running", "", ""},
		{"the Job cannot be deleted", nil, func(t *testing.T, w *world) {
			reporting(verified)(t, w)
			refuse(w, "delete", "jobs")
		}, nil, "deleting job/d-verify-", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var w *world
				if test.world != nil {
					w = test.world(t)
				} else {
					w = installedWorld(t, nil)
				}
				if test.before != nil {
					test.before(t, w)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				_, err := w.Verify(ctx, "", nil)
				if !strings.Contains(text(err), test.want) || (test.as != nil && !errors.As(err, test.as)) {
					t.Errorf("got %T: %v, want …%s…", err, err, test.want)
				}
				if test.as == &failure {
					reason, hint := failure.Advice()
					if reason != test.reason || hint == "" || failure.Log() != test.log {
						t.Errorf("advice %s: %s\nlog %q", reason, hint, failure.Log())
					}
				}
				w.checkSteps(t)
				if test.name != "the Job cannot be deleted" {
					w.checkNoJobs(t)
				}
			})
		})
	}
}

// The advice about a policy that is not enforced depends on TLS.
func TestAdviceAboutUnenforcedPolicy(t *testing.T) {
	for tls, want := range map[bool]string{
		false: "anyone who can reach the daemon is root on its node: ",
		true:  "only the certificates keep such a job out: ",
	} {
		reached := &VerifyError{Namespace: "ci", From: "other", TLS: tls, Result: dind.VerifyResult{Outcome: dind.VerifyReached}}
		if _, hint := reached.Advice(); !strings.HasPrefix(hint, want) {
			t.Errorf("with TLS %v: %s", tls, hint)
		}
	}
}
