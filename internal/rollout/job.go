package rollout

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

// JobFailedError is returned for a Job that ran and did not succeed.
type JobFailedError struct {
	Ref     kube.Ref
	Reason  string // the Job's own, for example BackoffLimitExceeded
	Message string
	Log     string // the last lines of its last pod
}

func (e *JobFailedError) Error() string {
	return fmt.Sprintf("%s failed: %s: %s", e.Ref, e.Reason, e.Message)
}

// WaitJob follows a Job, as it was created, until it has succeeded, and returns
// the pod that succeeded; nil if that pod is already gone. It calls report with
// the status of the newest pod after each change. The error is a *JobFailedError
// or one of WaitReady.
func WaitJob(ctx context.Context, c *kube.Cluster, job *batchv1.Job, report func(Status)) (*corev1.Pod, error) {
	began := time.Now()
	ref := jobRef(job)
	sources := []source{
		single(c, ref, job.ResourceVersion),
		podSource(c, map[string]string{"job-name": job.Name}),
	}
	seen := newTracker(State{})
	var status Status
	err := until(ctx, sources, func(o observation) (more []source, done bool, err error) {
		more = eventSources(c, seen.add(o))
		if o.source == ref.String() && (o.deleted || (o.complete && len(o.objects) == 0)) {
			return nil, true, &JobFailedError{Ref: ref, Reason: "Deleted", Message: "somebody deleted the job while it ran"}
		}
		status = computeJob(seen.state(), seen.job)
		report(status)
		if status.Cause != nil && status.Cause.Final && !status.Ready {
			return nil, true, notReady(ctx, c, ref, status, began)
		}
		done, err = jobEnded(ctx, c, seen.job, status.Pod)
		return more, done, err
	})
	switch {
	case err == nil && status.Ready:
		return status.Pod, nil
	case err == nil:
		return succeeded(ctx, c, job)
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
		return nil, notReady(ctx, c, ref, status, began)
	default:
		return nil, err
	}
}

func jobRef(job *batchv1.Job) kube.Ref {
	return kube.Ref{Kind: "Job", Namespace: job.Namespace, Name: job.Name}
}

// succeeded reads the pod of a Job that is complete, because the watch may report
// the Job before the pod. It returns nil if the pod is gone.
func succeeded(ctx context.Context, c *kube.Cluster, job *batchv1.Job) (*corev1.Pod, error) {
	pods, err := c.Pods(ctx, map[string]string{"job-name": job.Name})
	if err != nil {
		return nil, err
	}
	for i := range pods {
		if pods[i].Status.Phase == corev1.PodSucceeded {
			return &pods[i], nil
		}
	}
	return nil, nil
}

// anyPod returns the newest pod of the Job, nil if none can be read.
func anyPod(ctx context.Context, c *kube.Cluster, job *batchv1.Job) *corev1.Pod {
	pods, err := c.Pods(ctx, map[string]string{"job-name": job.Name})
	if err != nil {
		return nil
	}
	var view State
	for i := range pods {
		view.Pods = append(view.Pods, &pods[i])
	}
	return computeJob(view, job).Pod
}

// computeJob computes the status of a Job's pods. A pod of a Job is ready when it
// has succeeded; its end is not a crash.
func computeJob(v State, job *batchv1.Job) Status {
	sort.Slice(v.Pods, func(i, j int) bool {
		return v.Pods[j].CreationTimestamp.Before(&v.Pods[i].CreationTimestamp)
	})
	for _, pod := range v.Pods {
		if pod.Status.Phase == corev1.PodSucceeded {
			return Status{Ready: true, Pod: pod, Now: "done"}
		}
	}
	if len(v.Pods) == 0 {
		return Status{Now: "waiting for the pod to be created", Cause: jobPodRefused(v, job)}
	}
	pod := v.Pods[0]
	if pod.Status.Phase == corev1.PodRunning {
		return Status{Pod: pod, Now: "running"}
	}
	if pod.Status.Phase == corev1.PodFailed {
		return Status{Pod: pod, Now: "failed, will be retried"}
	}
	status := Status{Pod: pod, Now: activity(v, pod)}
	for _, find := range []func(State, *corev1.Pod) *Cause{unschedulable, volumeNotMounted, imageNotPulled, containerNotCreated} {
		if status.Cause = find(v, pod); status.Cause != nil {
			break
		}
	}
	return status
}

// jobPodRefused: if admission refuses a Job's pod, only an event of the Job shows
// it. A refusal of a known kind is final; other failures to create the pod may
// pass.
func jobPodRefused(v State, job *batchv1.Job) *Cause {
	if job == nil {
		return nil
	}
	event := v.lastEvent(job.UID, "FailedCreate")
	if event == nil {
		return nil
	}
	reason, hint := Refusal(job.Namespace, event.Message)
	switch reason {
	case QuotaExceeded:
		hint = "Raise the ResourceQuota of namespace " + job.Namespace + ": the job's pod needs a little room in addition to what runs there."
	case LimitRangeViolated:
		hint = "Change the LimitRange of namespace " + job.Namespace + " to allow the job's pod."
	}
	return &Cause{
		Reason: reason, Object: jobRef(job),
		Message: "The cluster refuses the job's pod: " + oneLine(event.Message),
		Hint:    hint, Final: reason != refusedSomehow,
	}
}

// jobEnded reports whether the Job has ended, and returns its failure.
func jobEnded(ctx context.Context, c *kube.Cluster, job *batchv1.Job, pod *corev1.Pod) (bool, error) {
	if job == nil {
		return false, nil
	}
	end := kube.JobEnd(job)
	if end == nil || end.Type == batchv1.JobComplete {
		return end != nil, nil
	}
	failure := &JobFailedError{
		Ref:    jobRef(job),
		Reason: end.Reason, Message: end.Message,
	}
	if pod == nil {
		// The watch may report the Job's failure before its pods.
		pod = anyPod(ctx, c, job)
	}
	if pod != nil {
		failure.Log = lastWords(ctx, c, pod)
	}
	return true, failure
}
