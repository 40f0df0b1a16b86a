package kube

import (
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

// runOf returns a Job that runs.
func runOf(name string) *batchv1.Job {
	return &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ci", UID: "job"}}
}

// podOf returns a pod of a Job in a phase.
func podOf(job types.UID, phase corev1.PodPhase) corev1.Pod {
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: string(job) + "-pod", Namespace: "ci", CreationTimestamp: metav1.NewTime(time.Unix(1000, 0)),
			OwnerReferences: []metav1.OwnerReference{{Kind: "Job", UID: job, Controller: new(true)}},
		},
		Status: corev1.PodStatus{Phase: phase},
	}
}

func TestCreateJob(t *testing.T) {
	c := &Cluster{Client: fake.NewClientset(), Namespace: "ci"}
	created, err := c.CreateJob(t.Context(), runOf("prune"))
	if err != nil || created.Name != "prune" {
		t.Fatalf("got %v, %v", created, err)
	}
	action := c.Client.(*fake.Clientset).Actions()[0].(ktesting.CreateActionImpl)
	if action.CreateOptions.FieldManager != "dindctl" || action.GetNamespace() != "ci" {
		t.Errorf("created by %q in %q", action.CreateOptions.FieldManager, action.GetNamespace())
	}
	_, err = c.CreateJob(t.Context(), runOf("prune"))
	if failure, is := errors.AsType[*ApplyError](err); !is || !apierrors.IsAlreadyExists(err) || failure.Ref.String() != "job/prune" {
		t.Errorf("a name twice: got %v", err)
	}
}

// If the answer is lost, the Job is not created twice.
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
		created, err := c.CreateJob(t.Context(), runOf("prune"))
		if err != nil || created.Name != "prune" || attempts != 2 {
			t.Errorf("got %v, %v after %d attempts", created, err, attempts)
		}
	})
}

func TestRuns(t *testing.T) {
	job := func(name string, cron types.UID, age int) *batchv1.Job {
		j := runOf(name)
		j.UID = types.UID(name)
		j.CreationTimestamp = metav1.NewTime(time.Unix(1000-int64(age), 0))
		j.Labels = map[string]string{"instance": "d"}
		if cron != "" {
			j.OwnerReferences = []metav1.OwnerReference{{Kind: "CronJob", UID: cron, Controller: new(true)}}
		}
		return j
	}
	// A proxy that admission has added ended, too, and stands first.
	ended := func(job types.UID, message string) corev1.Pod {
		p := podOf(job, corev1.PodFailed)
		p.Status.ContainerStatuses = []corev1.ContainerStatus{
			{Name: "proxy", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Message: "proxy"}}},
			{Name: "prune", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Message: message}}},
		}
		return p
	}
	other := job("labelled-otherwise", "cron", 0)
	other.Labels = nil
	c := &Cluster{Namespace: "ci", Client: fake.NewClientset(
		job("old", "cron", 300), job("new", "cron", 10), job("of-another", "cron-2", 1), job("free", "", 1), other,
	)}
	pods := []corev1.Pod{podOf("new", corev1.PodRunning), ended("new", "no space"), ended("of-another", "x"), {}}
	runs, err := c.Runs(t.Context(), "cron", map[string]string{"instance": "d"}, pods, "prune")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range runs {
		got = append(got, r.Job.Name+": "+r.Failure)
	}
	if len(got) != 2 || got[0] != "new: no space" || got[1] != "old: " {
		t.Errorf("got %q", got)
	}
}
