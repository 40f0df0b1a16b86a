package clustertest

import (
	"maps"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ktesting "k8s.io/client-go/testing"

	"github.com/dindctl/dindctl/internal/dind"
)

// RunJobs runs created Jobs for the duration JobsTake. They end with this state,
// and their pods with this phase and termination message. With an empty state
// Jobs do not end. With an empty phase they have no pod.
func (s *Server) RunJobs(state batchv1.JobConditionType, phase corev1.PodPhase, message string) {
	s.RunJobsIn(metav1.NamespaceAll, state, phase, message)
}

// RunJobsIn is RunJobs for Jobs in one namespace.
func (s *Server) RunJobsIn(namespace string, state batchv1.JobConditionType, phase corev1.PodPhase, message string) {
	s.PrependReactor("create", "jobs", func(action ktesting.Action) (bool, runtime.Object, error) {
		if namespace != metav1.NamespaceAll && namespace != action.GetNamespace() {
			return false, nil, nil
		}
		_, object, err := ktesting.ObjectReaction(s.Tracker())(action)
		if err != nil {
			return true, nil, err
		}
		job := object.(*batchv1.Job)
		job.UID = "job"
		pod := podOfJob(job)
		pod.Status.Phase = corev1.PodRunning
		if s.JobsTake == 0 {
			End(job, pod, state, phase, message)
		} else {
			later, last := job.DeepCopy(), pod.DeepCopy()
			time.AfterFunc(s.JobsTake, func() {
				End(later, last, state, phase, message)
				_ = s.Store(pods, last, last.Namespace)
				_ = s.Store(jobs, later, later.Namespace)
			})
		}
		if pod.Status.Phase != "" {
			s.Add(pod)
		}
		return true, job, s.Store(jobs, job, job.Namespace)
	})
}

// PruneRun returns a Job of the prune CronJob in namespace ci, and its pod. name is
// the name of the installation.
func PruneRun(name string, created time.Time) (*batchv1.Job, *corev1.Pod) {
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{
		Namespace: "ci", Name: name + "-clear-cache-1", UID: "job", Labels: dind.Labels(name),
		CreationTimestamp: metav1.NewTime(created),
		OwnerReferences:   []metav1.OwnerReference{{Kind: "CronJob", UID: types.UID("cronjobs/" + name + "-clear-cache"), Controller: new(true)}},
	}}
	pod := podOfJob(job)
	maps.Copy(pod.Labels, job.Labels)
	return job, pod
}

func podOfJob(job *batchv1.Job) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: job.Namespace, Name: job.Name + "-x", UID: "job-pod", Labels: map[string]string{"job-name": job.Name},
		OwnerReferences: []metav1.OwnerReference{{Kind: "Job", UID: "job", Controller: new(true)}},
	}}
}

// End sets the final status of a Job and its pod, as described for RunJobs.
func End(job *batchv1.Job, pod *corev1.Pod, state batchv1.JobConditionType, phase corev1.PodPhase, message string) {
	if state != "" {
		job.Status.Conditions = []batchv1.JobCondition{{Type: state, Status: corev1.ConditionTrue, Reason: "BackoffLimitExceeded", Message: "it failed too often"}}
	}
	pod.Status.Phase = phase
	var end corev1.ContainerState
	switch phase {
	case corev1.PodSucceeded:
		end.Terminated = &corev1.ContainerStateTerminated{Message: message}
	case corev1.PodFailed:
		end.Terminated = &corev1.ContainerStateTerminated{Message: message, ExitCode: 1}
	default:
		end.Running = &corev1.ContainerStateRunning{}
	}
	container := dind.PruneContainerName
	if containers := job.Spec.Template.Spec.Containers; len(containers) > 0 {
		container = containers[0].Name
	}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: container, State: end}}
}
