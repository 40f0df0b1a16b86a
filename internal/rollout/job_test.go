package rollout

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// run returns the Job in a state, "" for one that runs.
func run(state batchv1.JobConditionType) *batchv1.Job {
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "prune", Namespace: "ci", UID: "job"}}
	if state != "" {
		job.Status.Conditions = []batchv1.JobCondition{
			{Type: batchv1.JobSuspended, Status: corev1.ConditionFalse},
			{Type: state, Status: corev1.ConditionTrue, Reason: "BackoffLimitExceeded", Message: "it failed too often"},
		}
	}
	return job
}

// jobPod returns the Job's pod in a phase; age is in seconds.
func jobPod(name string, phase corev1.PodPhase, age int) *corev1.Pod {
	p := pod(name, age)
	p.Labels = map[string]string{"job-name": "prune"}
	p.OwnerReferences = []metav1.OwnerReference{{Kind: "Job", Name: "prune", UID: "job", Controller: new(true)}}
	p.Status = corev1.PodStatus{Phase: phase}
	return p
}

// besideProxy returns the Job's pod, whose container has ended with the code, and in which
// a proxy runs on.
func besideProxy(code int32) *corev1.Pod {
	p := jobPod("p", corev1.PodRunning, 1)
	p.Status.ContainerStatuses = []corev1.ContainerStatus{
		{Name: "proxy", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
		{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code}}},
	}
	return p
}

func TestWaitJob(t *testing.T) {
	pulling := jobPod("p", corev1.PodPending, 1)
	unready(pulling).State.Waiting = &corev1.ContainerStateWaiting{Reason: "InvalidImageName"}
	slow := jobPod("p", corev1.PodPending, 1)
	unready(slow).State.Waiting = &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "denied"}
	tests := []struct {
		name      string
		there     []runtime.Object
		meanwhile func(*scene) // after two seconds
		took      time.Duration
		pod       string // the one that succeeded
		want      string // else the error
		log       string
	}{
		{"it has succeeded already", []runtime.Object{run(batchv1.JobComplete), jobPod("p", corev1.PodSucceeded, 1)}, nil, 0, "p", "", ""},
		{"runs, then succeeds", []runtime.Object{run(""), jobPod("p", corev1.PodRunning, 1)}, func(s *scene) {
			s.put(jobPod("p", corev1.PodSucceeded, 1))
			time.Sleep(time.Second)
			s.put(run(batchv1.JobComplete))
		}, 3 * time.Second, "p", "", ""},
		{"the job changes before the pod", []runtime.Object{run(""), jobPod("p", corev1.PodRunning, 1)}, func(s *scene) {
			s.slip(jobPod("p", corev1.PodSucceeded, 1))
			s.put(run(batchv1.JobComplete))
		}, 2 * time.Second, "p", "", ""},
		{"the job fails before its pod is reported", []runtime.Object{run("")}, func(s *scene) {
			s.slip(jobPod("p", corev1.PodFailed, 1))
			s.put(run(batchv1.JobFailed))
		}, 2 * time.Second, "", "job/prune failed: BackoffLimitExceeded: it failed too often", "fake logs"},
		{"its pod is gone", []runtime.Object{run("")}, func(s *scene) { s.put(run(batchv1.JobComplete)) }, 2 * time.Second, "", "", ""},
		{"somebody deletes it between two watches", []runtime.Object{run(""), jobPod("p", corev1.PodRunning, 1)}, func(s *scene) { s.expire("jobs", func() { s.remove(run("")) }) },
			2 * time.Second, "", "job/prune failed: Deleted: somebody deleted the job while it ran", ""},
		{"the second pod succeeds", []runtime.Object{run(""), jobPod("first", corev1.PodFailed, 9)}, func(s *scene) {
			s.put(jobPod("second", corev1.PodSucceeded, 1))
			s.put(run(batchv1.JobComplete))
		}, 2 * time.Second, "second", "", ""},
		{"fails", []runtime.Object{run(""), jobPod("p", corev1.PodRunning, 1)}, func(s *scene) {
			s.put(jobPod("p", corev1.PodFailed, 1))
			s.put(run(batchv1.JobFailed))
		}, 2 * time.Second, "", "job/prune failed: BackoffLimitExceeded: it failed too often", "fake logs"},
		{"fails without a pod", []runtime.Object{run(batchv1.JobFailed)}, nil, 0, "",
			"job/prune failed: BackoffLimitExceeded: it failed too often", ""},
		{"somebody deletes it", []runtime.Object{run(""), jobPod("p", corev1.PodRunning, 1)}, func(s *scene) { s.remove(run("")) }, 2 * time.Second, "", "job/prune failed: Deleted: somebody deleted the job while it ran", ""},
		{"its pod can never start", []runtime.Object{run(""), pulling}, nil, 0, "",
			`job/prune is not ready after 0s: "docker:29" is not an image name.`, ""},
		{"its pod does not start", []runtime.Object{run(""), slow}, nil, 30 * time.Second, "",
			"job/prune is not ready after 30s: The image docker:29 cannot be pulled: denied", ""},
		{"the cluster refuses its pod", []runtime.Object{run(""), event("job", "FailedCreate", `pods "prune-x" is forbidden: exceeded quota: q`)}, nil, refusalPatience, "",
			`job/prune is not ready after 20s: The cluster refuses the job's pod: pods "prune-x" is forbidden: exceeded quota: q`, ""},
		{"the cluster refuses its pod for good", []runtime.Object{run(""), event("job", "FailedCreate", `pods "prune-x" is forbidden: failed quota: q: must specify limits.cpu`)}, nil, 0, "",
			`job/prune is not ready after 0s: The cluster refuses the job's pod: pods "prune-x" is forbidden: failed quota: q: must specify limits.cpu`, ""},
		{"it succeeds, and a proxy keeps its pod", []runtime.Object{run(""), besideProxy(0)}, nil, 0, "p", "", ""},
		{"it fails, and a proxy keeps its pod", []runtime.Object{run(""), besideProxy(3)}, nil, 0, "",
			"job/prune failed: ContainerFailed: its container  ended with exit code 3", "fake logs"},
		{"its pod cannot be created yet", []runtime.Object{run(""), event("job", "FailedCreate", `serviceaccount "default" not found`)}, func(s *scene) {
			s.put(jobPod("p", corev1.PodSucceeded, 1))
			s.put(run(batchv1.JobComplete))
		}, 2 * time.Second, "p", "", ""},
		{"there is no pod", []runtime.Object{run("")}, nil, 30 * time.Second, "",
			"job/prune is not ready after 30s: waiting for the pod to be created", ""},
		{"it runs too long", []runtime.Object{run(""), jobPod("p", corev1.PodRunning, 1)}, nil, 30 * time.Second, "",
			"job/prune is not ready after 30s: running", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(State{}, test.there...)
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				began := time.Now()
				if test.meanwhile != nil {
					go func() {
						time.Sleep(2 * time.Second)
						test.meanwhile(s)
					}()
				}
				got, err := WaitJob(ctx, s.cluster(), run(""), "", func(Status) {})
				if took := time.Since(began); took.Round(time.Second) != test.took {
					t.Errorf("took %s, want %s", took, test.took)
				}
				if text(err) != test.want || (test.pod != "") != (got != nil) || (got != nil && got.Name != test.pod) {
					t.Errorf("got pod %v, error %q\nwant pod %q, error %q", got, text(err), test.pod, test.want)
				}
				if failure, is := errors.AsType[*JobFailedError](err); is && failure.Log != test.log {
					t.Errorf("got log %q, want %q", failure.Log, test.log)
				}
			})
		})
	}
}

func TestWaitJobStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := WaitJob(ctx, newScene(State{}, run("")).cluster(), run(""), "", func(Status) {}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want a cancellation", err)
		}
	})
}
