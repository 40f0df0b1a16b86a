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
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/dind"
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
