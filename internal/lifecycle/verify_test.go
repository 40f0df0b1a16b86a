package lifecycle

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/rollout"
)

const verified = "outcome=cached\nengine=29.7.2\nsteps=2\ncold=245\ncold-cached=0\nwarm=70\nwarm-cached=2\n\n"

// checkNoJobs checks that no namespace has a Job.
func (w *world) checkNoJobs(t *testing.T) {
	t.Helper()
	left, err := w.BatchV1().Jobs(metav1.NamespaceAll).List(context.WithoutCancel(t.Context()), metav1.ListOptions{})
	if err != nil || len(left.Items) > 0 {
		t.Errorf("jobs remain: %v, %v", left.Items, err)
	}
}

func TestVerify(t *testing.T) {
	w := installedWorld(t, nil)
	w.RunJobs(batchv1.JobComplete, corev1.PodSucceeded, verified)
	var log []string
	got, err := w.Verify(t.Context(), "", func(line string) { log = append(log, line) })
	if err != nil {
		t.Fatal(err)
	}
	want := Verification{
		Namespace: "ci", From: "ci", Job: got.Job, DockerHost: "tcp://d.ci.svc:2375", Reached: true, Expected: true,
		Cold: &dind.VerifiedBuild{Seconds: 2.45}, Warm: &dind.VerifiedBuild{Seconds: 0.7, CachedSteps: 2}, Steps: 2, Cached: true,
	}
	if diff := cmp.Diff(want, got); diff != "" || !strings.HasPrefix(got.Job, "d-verify-") {
		t.Errorf("job %q\n%s", got.Job, diff)
	}
	if diff := cmp.Diff([]string{
		"Daemon started", "Daemon done: pod d-abc-1 is ready",
		"Job started", "Job done: built in 2.5s, again in 0.7s: all 2 steps from the cache",
	}, w.messages()); diff != "" {
		t.Error(diff)
	}
	w.checkSteps(t)
	if diff := cmp.Diff([]string{"create jobs", "delete jobs"}, w.Writes()); diff != "" {
		t.Error(diff)
	}
	w.checkNoJobs(t)
	if !slices.Equal(log, []string{"fake logs"}) {
		t.Errorf("got log %q", log)
	}
}

// From another namespace, the NetworkPolicy decides whether the Job must connect. If it
// must not, a Job in the installation's namespace must connect.
func TestVerifyFrom(t *testing.T) {
	const refused, reached = "outcome=refused\n\nCannot connect", "outcome=reached\nengine=29.7.2\n\n"
	for _, test := range []struct {
		name        string
		options     func(*dind.Options)
		other, home string // results of the Jobs in the other namespace and in ci
		jobs        int
		want        string // the error
		reason      string
	}{
		{"the policy is enforced", nil, refused, verified, 2, "", ""},
		{"the policy is enforced, no answer", nil, "outcome=silent\n\n", verified, 2, "", ""},
		{"the policy is not enforced", nil, reached, verified, 1,
			"a job in namespace other reaches the daemon although the NetworkPolicy denies it: the network plugin does not enforce policies, or another policy allows it", "PolicyNotEnforced"},
		{"refused from both namespaces", nil, refused, refused, 2,
			"a job in namespace ci is refused at tcp://d.ci.svc:2375 although the daemon's pod is ready", "ConnectionRefused"},
		{"the name does not resolve", nil, "outcome=unresolved\n\n", verified, 1,
			"a job in namespace other cannot resolve the Service's name (tcp://d.ci.svc:2375)", "NameNotResolved"},
		{"allowed", func(o *dind.Options) { o.AllowNamespaces = []string{"other"} }, verified, verified, 1, "", ""},
		{"allowed, but refused", func(o *dind.Options) { o.AllowNamespaces = []string{"other"} }, refused, verified, 1,
			"a job in namespace other is refused at tcp://d.ci.svc:2375 although the daemon's pod is ready", "ConnectionRefused"},
		{"without a policy", func(o *dind.Options) { o.NoNetworkPolicy = true }, verified, verified, 1, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := installedWorld(t, test.options)
			runJobs(w, map[string]string{"ci": test.home, "other": test.other})
			got, err := w.Verify(t.Context(), "other", nil)
			if text(err) != test.want {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if failure, is := errors.AsType[*VerifyError](err); is {
				if reason, hint := failure.Advice(); reason != test.reason || hint == "" {
					t.Errorf("advice %s: %s", reason, hint)
				}
			}
			if created := w.Requests("create"); len(created) != test.jobs {
				t.Errorf("requests %q", created)
			}
			if err == nil && got.Reached != got.Expected {
				t.Errorf("got %+v", got)
			}
			w.checkNoJobs(t)
			w.checkSteps(t)
		})
	}
}

// runJobs makes Jobs succeed immediately, with the message for their namespace.
func runJobs(w *world, messages map[string]string) {
	for namespace, message := range messages {
		w.RunJobsIn(namespace, batchv1.JobComplete, corev1.PodSucceeded, message)
	}
}

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
		{"the build fails", nil, reporting("outcome=failed\nsteps=2\n\nERROR: no space left on device"), &failure,
			"a job in namespace ci reaches the daemon, but its build fails", "BuildFailed", "ERROR: no space left on device"},
		{"no answer", nil, reporting("outcome=silent\n\nx"), &failure,
			"a job in namespace ci gets no answer from tcp://d.ci.svc:2375 although the daemon's pod is ready", "NoAnswer", "x"},
		{"another program answers", nil, reporting("outcome=unusable\n\nx"), &failure,
			"a job in namespace ci reaches tcp://d.ci.svc:2375, but what answers there is not usable", "DaemonUnusable", "x"},
		{"the Service is gone", nil, func(t *testing.T, w *world) {
			if err := w.CoreV1().Services("ci").Delete(t.Context(), "d", metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
			reporting("outcome=unresolved\n\n")(t, w)
		}, &failure, "a job in namespace ci cannot resolve the Service's name", "ServiceMissing", ""},
		{"the Job does not report a result", nil, reporting("sh: syntax error"), &failure,
			"verification from namespace ci failed: the Job reported no result: the job did not say what it found, but \"sh: syntax error\"", "JobFailed", ""},
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

// An interrupted verify deletes its Job.
func TestVerifyInterrupted(t *testing.T) {
	for _, test := range []struct {
		name   string
		before func(*world, context.CancelFunc)
	}{
		{"while the Job runs", func(w *world, cancel context.CancelFunc) {
			w.RunJobs("", corev1.PodRunning, "")
			time.AfterFunc(time.Second, cancel)
		}},
		{"while the Job is created", func(w *world, cancel context.CancelFunc) {
			create := ktesting.ObjectReaction(w.Tracker())
			w.PrependReactor("create", "jobs", func(action ktesting.Action) (bool, runtime.Object, error) {
				_, _, _ = create(action) // created, but the answer is lost
				cancel()
				return true, nil, context.Canceled
			})
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := installedWorld(t, nil)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				test.before(w, cancel)
				if _, err := w.Verify(ctx, "", nil); !errors.Is(err, context.Canceled) {
					t.Errorf("got %v", err)
				}
				w.checkNoJobs(t)
				w.checkSteps(t)
			})
		})
	}
}

func TestInstallVerifies(t *testing.T) {
	for _, test := range []struct {
		name, message string
		how           InstallOptions
		job           bool
		want          string // the error
	}{
		{"not by default", verified, InstallOptions{}, false, ""},
		{"with VerifyJob", verified, InstallOptions{VerifyJob: true}, true, ""},
		{"with VerifyJob, the build fails", "outcome=failed\n\nx", InstallOptions{VerifyJob: true}, true, "its build fails"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.RunJobs(batchv1.JobComplete, corev1.PodSucceeded, test.message)
			test.how.SkipPreflight = true
			got, err := w.Install(t.Context(), options(nil), test.how)
			if (err == nil) != (test.want == "") || !strings.Contains(text(err), test.want) {
				t.Errorf("got %v", err)
			}
			if (got.Verification != nil) != test.job || slices.Contains(w.Writes(), "create jobs") != test.job {
				t.Errorf("got %+v, %q", got.Verification, w.Writes())
			}
			if test.job && err == nil && !got.Verification.Cached {
				t.Errorf("got %+v", got.Verification)
			}
			w.checkNoJobs(t)
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
