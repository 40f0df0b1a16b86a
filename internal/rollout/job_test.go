package rollout

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
)

// run is the Job in a state; "" while it runs.
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

// jobPod is the Job's pod in a phase, some seconds old.
func jobPod(name string, phase corev1.PodPhase, age int) *corev1.Pod {
	p := pod(name, age)
	p.Labels = map[string]string{"job-name": "prune"}
	p.OwnerReferences = []metav1.OwnerReference{{Kind: "Job", Name: "prune", UID: "job", Controller: new(true)}}
	p.Status = corev1.PodStatus{Phase: phase}
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
		{"done when looked at", []runtime.Object{run(batchv1.JobComplete), jobPod("p", corev1.PodSucceeded, 1)}, nil, 0, "p", "", ""},
		{"runs, then succeeds", []runtime.Object{run(""), jobPod("p", corev1.PodRunning, 1)}, func(s *scene) {
			s.put(jobPod("p", corev1.PodSucceeded, 1))
			time.Sleep(time.Second)
			s.put(run(batchv1.JobComplete))
		}, 3 * time.Second, "p", "", ""},
		{"the job says so before the pod does", []runtime.Object{run(""), jobPod("p", corev1.PodRunning, 1)}, func(s *scene) {
			s.slip(jobPod("p", corev1.PodSucceeded, 1))
			s.put(run(batchv1.JobComplete))
		}, 2 * time.Second, "p", "", ""},
		{"it fails before its pod is seen", []runtime.Object{run("")}, func(s *scene) {
			s.slip(jobPod("p", corev1.PodFailed, 1))
			s.put(run(batchv1.JobFailed))
		}, 2 * time.Second, "", "job/prune failed: BackoffLimitExceeded: it failed too often", "fake logs"},
		{"its pod is gone", []runtime.Object{run("")}, func(s *scene) { s.put(run(batchv1.JobComplete)) }, 2 * time.Second, "", "", ""},
		{"somebody deletes it unseen", []runtime.Object{run(""), jobPod("p", corev1.PodRunning, 1)}, func(s *scene) { s.expire("jobs", func() { s.remove(run("")) }) },
			2 * time.Second, "", "job/prune failed: Deleted: somebody deleted the job while it ran", ""},
		{"succeeds at the second try", []runtime.Object{run(""), jobPod("first", corev1.PodFailed, 9)}, func(s *scene) {
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
		{"the cluster refuses its pod", []runtime.Object{run(""), event("job", "FailedCreate", `pods "prune-x" is forbidden: exceeded quota: q`)}, nil, 0, "",
			`job/prune is not ready after 0s: The cluster refuses the job's pod: pods "prune-x" is forbidden: exceeded quota: q`, ""},
		{"its pod cannot be made yet", []runtime.Object{run(""), event("job", "FailedCreate", `serviceaccount "default" not found`)}, func(s *scene) {
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
				s := newScene(View{}, test.there...)
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				began := time.Now()
				if test.meanwhile != nil {
					go func() {
						time.Sleep(2 * time.Second)
						test.meanwhile(s)
					}()
				}
				got, err := s.cluster().WaitJob(ctx, run(""), func(Verdict) {})
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
		if _, err := newScene(View{}, run("")).cluster().WaitJob(ctx, run(""), func(Verdict) {}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want that it was cancelled", err)
		}
	})
}

func TestCreateJob(t *testing.T) {
	c := &Cluster{Client: fake.NewClientset(), Namespace: "ci"}
	created, err := c.CreateJob(t.Context(), run(""))
	if err != nil || created.Name != "prune" {
		t.Fatalf("got %v, %v", created, err)
	}
	action := c.Client.(*fake.Clientset).Actions()[0].(ktesting.CreateActionImpl)
	if action.CreateOptions.FieldManager != "dindctl" || action.GetNamespace() != "ci" {
		t.Errorf("created by %q in %q", action.CreateOptions.FieldManager, action.GetNamespace())
	}
	_, err = c.CreateJob(t.Context(), run(""))
	if failure, is := errors.AsType[*ApplyError](err); !is || !apierrors.IsAlreadyExists(err) || failure.Ref.String() != "job/prune" {
		t.Errorf("a name twice: got %v", err)
	}
}

// The answer that was lost told of a Job: it is not made twice.
func TestCreateJobAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset()
		attempts := 0
		client.PrependReactor("create", "jobs", func(action ktesting.Action) (bool, runtime.Object, error) {
			if attempts++; attempts > 1 {
				return false, nil, nil
			}
			made := action.(ktesting.CreateAction).GetObject()
			return true, nil, errors.Join(client.Tracker().Create(action.GetResource(), made, "ci"), errRefusedConnection)
		})
		c := &Cluster{Client: client, Namespace: "ci"}
		created, err := c.CreateJob(t.Context(), run(""))
		if err != nil || created.Name != "prune" || attempts != 2 {
			t.Errorf("got %v, %v after %d attempts", created, err, attempts)
		}
	})
}

func TestRuns(t *testing.T) {
	job := func(name string, cron types.UID, age int) *batchv1.Job {
		j := run("")
		j.Name, j.UID = name, types.UID(name)
		j.CreationTimestamp = metav1.NewTime(time.Unix(1000-int64(age), 0))
		j.Labels = map[string]string{"instance": "d"}
		if cron != "" {
			j.OwnerReferences = []metav1.OwnerReference{{Kind: "CronJob", UID: cron, Controller: new(true)}}
		}
		return j
	}
	ended := func(job types.UID, message string) corev1.Pod {
		p := jobPod(string(job)+"-pod", corev1.PodSucceeded, 0)
		p.OwnerReferences[0].UID = job
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{Message: message},
		}}}
		return *p
	}
	other := job("labelled-otherwise", "cron", 0)
	other.Labels = nil
	c := &Cluster{Namespace: "ci", Client: fake.NewClientset(
		job("old", "cron", 300), job("new", "cron", 10), job("foreign", "cron-2", 1), job("free", "", 1), other,
	)}
	running := jobPod("new-pod-2", corev1.PodRunning, 0)
	running.OwnerReferences[0].UID = "new"
	pods := []corev1.Pod{*running, ended("new", "freed 2"), ended("foreign", "x"), {}}
	runs, err := c.Runs(t.Context(), "cron", map[string]string{"instance": "d"}, pods)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range runs {
		got = append(got, r.Job.Name+": "+r.Message)
	}
	if len(got) != 2 || got[0] != "new: freed 2" || got[1] != "old: " {
		t.Errorf("got %q", got)
	}
}
