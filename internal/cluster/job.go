package cluster

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// JobFailedError says that a Job ran and did not succeed.
type JobFailedError struct {
	Ref     Ref
	Reason  string // the Job's own, for example BackoffLimitExceeded
	Message string
	Log     string // the last lines of its last pod
}

func (e *JobFailedError) Error() string {
	return fmt.Sprintf("%s failed: %s: %s", e.Ref, e.Reason, e.Message)
}

// CreateJob creates the Job; its name must be new. Where an answer is lost, the
// Job that came of it is the one.
func (c *Cluster) CreateJob(ctx context.Context, job *batchv1.Job) (*batchv1.Job, error) {
	jobs, again := c.Client.BatchV1().Jobs(c.Namespace), false
	created, err := retried(ctx, func(ctx context.Context) (*batchv1.Job, error) {
		created, err := jobs.Create(ctx, job, metav1.CreateOptions{FieldManager: FieldManager})
		if again && apierrors.IsAlreadyExists(err) {
			return jobs.Get(ctx, job.Name, metav1.GetOptions{})
		}
		again = true
		return created, err
	})
	if err != nil {
		return nil, &ApplyError{Ref: Ref{"Job", c.Namespace, job.Name}, Err: err}
	}
	return created, nil
}

// WaitJob follows a Job, as it was created, until it has succeeded, and returns
// the pod that did; nil if that is gone already. report is told what its newest pod is doing each time something changes. It
// returns a *JobFailedError, or what WaitReady returns.
func (c *Cluster) WaitJob(ctx context.Context, job *batchv1.Job, report func(Verdict)) (*corev1.Pod, error) {
	began := time.Now()
	ref := Ref{"Job", job.Namespace, job.Name}
	jobs := c.Client.BatchV1().Jobs(c.Namespace)
	sources := []source{
		single("jobs", jobs, jobs.Watch, job.Name, job.ResourceVersion),
		c.podSource(map[string]string{"job-name": job.Name}),
	}
	seen := newObserved(View{})
	var verdict Verdict
	err := until(ctx, sources, func(o observation) (more []source, done bool, err error) {
		more = c.eventSources(seen.take(o))
		if o.source == "jobs" && (o.deleted || (o.complete && len(o.objects) == 0)) {
			return nil, true, &JobFailedError{Ref: ref, Reason: "Deleted", Message: "somebody deleted the job while it ran"}
		}
		verdict = judgeJobPod(seen.view(), seen.job)
		report(verdict)
		if verdict.Cause != nil && verdict.Cause.Final && !verdict.Ready {
			return nil, true, c.notReady(ctx, ref, verdict, began)
		}
		done, err = c.jobEnded(ctx, seen.job, verdict.Pod)
		return more, done, err
	})
	switch {
	case err == nil && verdict.Ready:
		return verdict.Pod, nil
	case err == nil:
		return c.succeeded(ctx, job)
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
		return nil, c.notReady(ctx, ref, verdict, began)
	default:
		return nil, err
	}
}

// succeeded looks once more for the pod of a Job that is complete: its own end
// may be told after the Job's. nil where it is gone.
func (c *Cluster) succeeded(ctx context.Context, job *batchv1.Job) (*corev1.Pod, error) {
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

// anyPod is the newest pod of the Job; nil where there is none to be seen.
func (c *Cluster) anyPod(ctx context.Context, job *batchv1.Job) *corev1.Pod {
	pods, err := c.Pods(ctx, map[string]string{"job-name": job.Name})
	if err != nil {
		return nil
	}
	var view View
	for i := range pods {
		view.Pods = append(view.Pods, &pods[i])
	}
	return judgeJobPod(view, job).Pod
}

// judgeJobPod tells what a Job's pods are up to. A pod of a Job is ready when
// it has succeeded; that it ends is no crash.
func judgeJobPod(v View, job *batchv1.Job) Verdict {
	sort.Slice(v.Pods, func(i, j int) bool {
		return v.Pods[j].CreationTimestamp.Before(&v.Pods[i].CreationTimestamp)
	})
	for _, pod := range v.Pods {
		if pod.Status.Phase == corev1.PodSucceeded {
			return Verdict{Ready: true, Pod: pod, Now: "done"}
		}
	}
	if len(v.Pods) == 0 {
		return Verdict{Now: "waiting for the pod to be created", Cause: jobPodRefused(v, job)}
	}
	pod := v.Pods[0]
	if pod.Status.Phase == corev1.PodRunning {
		return Verdict{Pod: pod, Now: "running"}
	}
	if pod.Status.Phase == corev1.PodFailed {
		return Verdict{Pod: pod, Now: "failed, will be tried again"}
	}
	verdict := Verdict{Pod: pod, Now: activity(v, pod)}
	for _, find := range []func(View, *corev1.Pod) *Cause{unschedulable, volumeNotMounted, imageNotPulled, containerNotCreated} {
		if verdict.Cause = find(v, pod); verdict.Cause != nil {
			break
		}
	}
	return verdict
}

// jobPodRefused: when admission refuses a Job's pod, only an event of the Job
// says so. What is known to refuse it goes on doing so; other failures to make
// the pod may pass.
func jobPodRefused(v View, job *batchv1.Job) *Cause {
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
		hint = "Raise the ResourceQuota of namespace " + job.Namespace + ": the job's pod needs a little room beside what runs there."
	case LimitRangeViolated:
		hint = "Have the LimitRange of namespace " + job.Namespace + " allow the job's pod."
	}
	return &Cause{
		Reason: reason, Object: Ref{"Job", job.Namespace, job.Name},
		Message: "The cluster refuses the job's pod: " + oneLine(event.Message),
		Hint:    hint, Final: reason != refusedSomehow,
	}
}

// jobEnded tells whether the Job has ended, and with what failure.
func (c *Cluster) jobEnded(ctx context.Context, job *batchv1.Job, pod *corev1.Pod) (bool, error) {
	if job == nil {
		return false, nil
	}
	for _, condition := range job.Status.Conditions {
		if condition.Status != corev1.ConditionTrue {
			continue
		}
		switch condition.Type {
		case batchv1.JobComplete:
			return true, nil
		case batchv1.JobFailed:
			failure := &JobFailedError{
				Ref:    Ref{"Job", job.Namespace, job.Name},
				Reason: condition.Reason, Message: condition.Message,
			}
			if pod == nil {
				// The Job's failure may be told before its pods are.
				pod = c.anyPod(ctx, job)
			}
			if pod != nil {
				failure.Log = c.lastWords(ctx, pod)
			}
			return true, failure
		}
	}
	return false, nil
}
