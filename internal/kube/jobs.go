package kube

import (
	"context"
	"sort"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// CreateJob creates the Job, whose name must be new, and returns it. If the
// answer to a request is lost, it returns the Job that the request created. The
// error is an *ApplyError.
func (c *Cluster) CreateJob(ctx context.Context, job *batchv1.Job) (*batchv1.Job, error) {
	jobs, again := c.Client.BatchV1().Jobs(c.Namespace), false
	created, err := Retry(ctx, func(ctx context.Context) (*batchv1.Job, error) {
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

// Run is a Job that a CronJob created, or that was created from it by hand.
type Run struct {
	Job *batchv1.Job
	// Pod is the Job's newest pod; nil if there is none.
	Pod *corev1.Pod
	// Failure is the termination message of the newest pod whose container failed;
	// empty if there is no such pod.
	Failure string
}

// Runs lists the Jobs of a CronJob that still exist, newest first. selector
// selects the Jobs by their labels; pods may include pods of other Jobs. container is the
// one that counts.
func (c *Cluster) Runs(ctx context.Context, cron types.UID, selector map[string]string, pods []corev1.Pod, container string) ([]Run, error) {
	jobs, err := c.jobs(ctx, selector)
	if err != nil {
		return nil, err
	}
	var runs []Run
	for i := range jobs {
		job := &jobs[i]
		if owner := metav1.GetControllerOf(job); owner == nil || owner.UID != cron {
			continue
		}
		runs = append(runs, newRun(job, pods, container))
	}
	sort.Slice(runs, func(i, j int) bool {
		return runs[j].Job.CreationTimestamp.Before(&runs[i].Job.CreationTimestamp)
	})
	return runs, nil
}

// Pods returns the pods that have the labels; all pods without labels. The error is a
// *ReadError.
func (c *Cluster) Pods(ctx context.Context, selector map[string]string) ([]corev1.Pod, error) {
	return c.pods(ctx, ByLabels(selector))
}

// PodsOf returns the pods that the Deployment selects. The error is a *ReadError.
func (c *Cluster) PodsOf(ctx context.Context, deployment *appsv1.Deployment) ([]corev1.Pod, error) {
	selector, err := metav1.LabelSelectorAsSelector(deployment.Spec.Selector)
	if err != nil {
		return nil, &ReadError{Ref: Ref{"Deployment", c.Namespace, deployment.Name}, Err: err}
	}
	return c.pods(ctx, metav1.ListOptions{LabelSelector: selector.String()})
}

func (c *Cluster) pods(ctx context.Context, options metav1.ListOptions) ([]corev1.Pod, error) {
	found, err := List(ctx, c.Client.CoreV1().Pods(c.Namespace).List, options)
	if err != nil {
		return nil, &ReadError{Ref: Ref{"Pod", c.Namespace, "*"}, Err: err}
	}
	return found.Items, nil
}

// Deployments returns the Deployments of the namespace. The error is a *ReadError.
func (c *Cluster) Deployments(ctx context.Context) ([]appsv1.Deployment, error) {
	found, err := List(ctx, c.Client.AppsV1().Deployments(c.Namespace).List, metav1.ListOptions{})
	if err != nil {
		return nil, &ReadError{Ref: Ref{"Deployment", c.Namespace, "*"}, Err: err}
	}
	return found.Items, nil
}

func newRun(job *batchv1.Job, pods []corev1.Pod, container string) Run {
	run := Run{Job: job}
	var failed metav1.Time
	for i := range pods {
		pod := &pods[i]
		if owner := metav1.GetControllerOf(pod); owner == nil || owner.UID != job.UID {
			continue
		}
		if run.Pod == nil || !pod.CreationTimestamp.Before(&run.Pod.CreationTimestamp) {
			run.Pod = pod
		}
		end := ContainerEnd(pod, container)
		if end != nil && end.ExitCode != 0 && end.Message != "" && !pod.CreationTimestamp.Before(&failed) {
			run.Failure, failed = end.Message, pod.CreationTimestamp
		}
	}
	return run
}

// Jobs lists the Jobs that have the labels.
func (c *Cluster) Jobs(ctx context.Context, selector map[string]string) ([]Item, error) {
	jobs, err := c.jobs(ctx, selector)
	if err != nil {
		return nil, err
	}
	items := make([]Item, len(jobs))
	for i := range jobs {
		items[i] = Item{Ref{"Job", c.Namespace, jobs[i].Name}, &jobs[i]}
	}
	return items, nil
}

func (c *Cluster) jobs(ctx context.Context, selector map[string]string) ([]batchv1.Job, error) {
	found, err := List(ctx, c.Client.BatchV1().Jobs(c.Namespace).List, ByLabels(selector))
	if err != nil {
		return nil, &ReadError{Ref: Ref{"Job", c.Namespace, "*"}, Err: err}
	}
	return found.Items, nil
}

// JobEnd returns the condition that shows how a Job ended, JobComplete or
// JobFailed; nil while it runs.
func JobEnd(job *batchv1.Job) *batchv1.JobCondition {
	for i := range job.Status.Conditions {
		condition := &job.Status.Conditions[i]
		ended := condition.Type == batchv1.JobComplete || condition.Type == batchv1.JobFailed
		if ended && condition.Status == corev1.ConditionTrue {
			return condition
		}
	}
	return nil
}
