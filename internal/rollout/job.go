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

// WaitJob follows a Job, as it was created, until it has succeeded, or that container of a
// pod of it has, while others still run: see kube.OthersRunning. It returns the pod; nil
// if that pod is already gone. It calls report with the status of the newest pod
// after each change. The error is a *JobFailedError or one of WaitReady.
func WaitJob(ctx context.Context, c *kube.Cluster, job *batchv1.Job, container string, report func(Status)) (*corev1.Pod, error) {
	began := time.Now()
	ref := jobRef(job)
	sources := []source{
		single(c, ref, job.ResourceVersion),
		podSource(c, map[string]string{"job-name": job.Name}),
	}
	seen := newTracker(State{Container: container})
	var status Status
	var standing refusalClock
	err := until(ctx, sources, func(o observation) (more []source, done bool, err error) {
		more = eventSources(c, seen.add(o))
		if o.source == ref.String() && (o.deleted || (o.complete && len(o.objects) == 0)) {
			return nil, true, &JobFailedError{Ref: ref, Reason: "Deleted", Message: "somebody deleted the job while it ran"}
		}
		status = computeJob(seen.state(), seen.job)
		more = append(more, standing.judge(status.Cause)...)
		report(status)
		if status.Cause != nil && status.Cause.Final && !status.Ready {
			return nil, true, notReady(ctx, c, ref, status, began)
		}
		if status.Ready && len(kube.OthersRunning(status.Pod, container)) > 0 {
			return nil, true, nil // the Job does not end before the others do
		}
		if failure := keptFailure(seen.job, status.Pod, container); failure != nil {
			failure.Log = lastWords(ctx, c, status.Pod, container)
			return nil, true, failure
		}
		done, err = jobEnded(ctx, c, seen.job, status.Pod, container)
		return more, done, err
	})
	switch {
	case err == nil && status.Ready:
		return status.Pod, nil
	case err == nil:
		return succeeded(ctx, c, job, container)
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
func succeeded(ctx context.Context, c *kube.Cluster, job *batchv1.Job, container string) (*corev1.Pod, error) {
	pods, err := c.Pods(ctx, map[string]string{"job-name": job.Name})
	if err != nil {
		return nil, err
	}
	for i := range pods {
		if succeededIn(&pods[i], container) {
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

// KeptReason is the reason of the failure of a Job whose own container has failed while
// others run: neither the pod nor the Job ends, and so nothing is retried.
const KeptReason = "ContainerFailed"

func keptFailure(job *batchv1.Job, pod *corev1.Pod, container string) *JobFailedError {
	if job == nil || pod == nil || finished(pod) || len(kube.OthersRunning(pod, container)) == 0 {
		return nil
	}
	end := kube.ContainerEnd(pod, container)
	if end == nil || end.ExitCode == 0 {
		return nil
	}
	return &JobFailedError{Ref: jobRef(job), Reason: KeptReason, Message: fmt.Sprintf("its container %s ended with exit code %d", container, end.ExitCode)}
}

// succeededIn reports whether that container of the pod has succeeded.
func succeededIn(pod *corev1.Pod, container string) bool {
	end := kube.ContainerEnd(pod, container)
	return pod.Status.Phase == corev1.PodSucceeded || end != nil && end.ExitCode == 0
}

// computeJob computes the status of a Job's pods. A pod of a Job is ready when its
// container has succeeded; its end is not a crash.
func computeJob(v State, job *batchv1.Job) Status {
	sort.Slice(v.Pods, func(i, j int) bool {
		return v.Pods[j].CreationTimestamp.Before(&v.Pods[i].CreationTimestamp)
	})
	for _, pod := range v.Pods {
		if succeededIn(pod, v.Container) {
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
	for _, find := range []func(State, *corev1.Pod) *Cause{unschedulable, volumeNotMounted, imageNotPulled, containerNotCreated, otherContainer} {
		if status.Cause = find(v, pod); status.Cause != nil {
			break
		}
	}
	return status
}

// jobPodRefused: if admission refuses a Job's pod, only an event of the Job shows
// it.
func jobPodRefused(v State, job *batchv1.Job) *Cause {
	if job == nil {
		return nil
	}
	event := v.lastEvent(job.UID, "FailedCreate")
	if event == nil {
		return nil
	}
	refusal := RefusalOf(job.Namespace, event.Message)
	hint := refusal.Hint
	switch refusal.Reason {
	case QuotaExceeded:
		hint = "Raise the ResourceQuota of namespace " + job.Namespace + ": the job's pod needs a little room in addition to what runs there."
	case LimitRangeViolated:
		hint = "Change the LimitRange of namespace " + job.Namespace + " to allow the job's pod."
	}
	return &Cause{
		Reason: refusal.Reason, Object: jobRef(job),
		Message: "The cluster refuses the job's pod: " + oneLine(event.Message),
		Hint:    hint, Final: !refusal.Passes, Passes: refusal.Passes,
	}
}

// jobEnded reports whether the Job has ended, and returns its failure.
func jobEnded(ctx context.Context, c *kube.Cluster, job *batchv1.Job, pod *corev1.Pod, container string) (bool, error) {
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
		failure.Log = lastWords(ctx, c, pod, container)
	}
	return true, failure
}
