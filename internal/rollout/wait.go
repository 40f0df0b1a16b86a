package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/dindctl/dindctl/internal/human"
	"github.com/dindctl/dindctl/internal/kube"
)

// Target is what WaitReady waits for.
type Target struct {
	// Deployment is the Deployment as it was applied; older states of it are
	// ignored.
	Deployment *appsv1.Deployment
	// Claim is the claim that its pod mounts, as it was applied or found.
	Claim *corev1.PersistentVolumeClaim
	// EarlierRefusal and Container are the State's.
	EarlierRefusal *metav1.Time
	Container      string
}

// NotReadyError is returned if a rollout did not become ready.
type NotReadyError struct {
	Ref   kube.Ref
	Cause *Cause // nil if nothing is known to be wrong: it only takes long
	Now   string // what the cluster was doing last
	After time.Duration
}

func (e *NotReadyError) Error() string {
	what := e.Now
	if e.Cause != nil {
		what = e.Cause.Message
	}
	return fmt.Sprintf("%s is not ready after %s: %s", e.Ref, human.Duration(e.After), what)
}

// WaitReady follows the rollout until its pod is ready, and returns the pod. A
// rollout that is already complete costs one request. WaitReady calls report with
// the status after each change. It returns a *NotReadyError if ctx's deadline
// passes or a cause is final, a *WatchError if the state cannot be followed any
// longer, and context.Canceled if ctx is cancelled.
func WaitReady(ctx context.Context, c *kube.Cluster, target Target, report func(Status)) (*corev1.Pod, error) {
	began := time.Now()
	ref := c.Ref("Deployment", target.Deployment.Name)

	seen := newTracker(State{Generation: target.Deployment.Generation, EarlierRefusal: target.EarlierRefusal, Container: target.Container})
	pods := podSource(c, target.Deployment.Spec.Selector.MatchLabels)
	found, version, err := pods.list(ctx)
	if err != nil {
		return nil, readFailure(ctx, c, ref, err, began)
	}
	pods.options.ResourceVersion = version
	waitedFor := []kube.Ref{ref}
	sources := []source{pods, single(c, ref, target.Deployment.ResourceVersion)}
	uids := seen.add(observation{source: "pods", complete: true, objects: found})
	uids = append(uids, seen.add(observation{object: target.Deployment})...)
	if target.Claim != nil {
		uids = append(uids, seen.add(observation{object: target.Claim})...)
		waitedFor = append(waitedFor, claimRef(target.Claim))
		sources = append(sources, single(c, claimRef(target.Claim), target.Claim.ResourceVersion))
	}
	status := Compute(seen.state())
	if cause := status.Cause; cause != nil && cause.Reason == configError {
		seen.base.EarlierTrouble = status.Pod.UID
		status = Compute(seen.state())
	}
	var standing refusalClock
	// A daemon that crashes again and again runs in between: it may run at the
	// deadline without being ready.
	var ended Status
	report(status)
	switch {
	case status.Ready:
		return status.Pod, nil
	case status.Cause != nil && status.Cause.Final:
		return nil, notReady(ctx, c, ref, status, began)
	}

	sources = append(sources, standing.judge(status.Cause)...)
	err = until(ctx, append(sources, eventSources(c, uids)...), func(o observation) (more []source, done bool, err error) {
		more = eventSources(c, seen.add(o))
		if gone := deletedMeanwhile(o, waitedFor...); gone != nil {
			status = Status{Cause: gone}
			return nil, true, notReady(ctx, c, ref, status, began)
		}
		status = Compute(seen.state())
		more = append(more, standing.judge(status.Cause)...)
		if status.Cause != nil && status.Cause.Ended {
			ended = status
		}
		report(status)
		if status.Cause != nil && status.Cause.Final {
			return nil, true, notReady(ctx, c, ref, status, began)
		}
		return more, status.Ready, nil
	})
	switch {
	case err == nil:
		return status.Pod, nil
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
		if status.Cause == nil && ended.Cause != nil {
			status = ended
		}
		return nil, notReady(ctx, c, ref, status, began)
	default:
		return nil, err
	}
}

// readFailure returns the error for a list that failed or that ctx's deadline ended.
func readFailure(ctx context.Context, c *kube.Cluster, ref kube.Ref, err error, began time.Time) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return notReady(ctx, c, ref, Status{Now: "waiting for the API server"}, began)
	}
	return &kube.ReadError{Ref: kube.Ref{Kind: "Pod", Namespace: c.Namespace, Name: "*"}, Err: err}
}

// podSource returns the source of the pods that have the labels.
func podSource(c *kube.Cluster, labels map[string]string) source {
	pods, options := c.Client.CoreV1().Pods(c.Namespace), kube.ByLabels(labels)
	return source{
		name: "pods", open: pods.Watch, options: options,
		list: func(ctx context.Context) ([]runtime.Object, string, error) {
			found, err := kube.List(ctx, pods.List, options)
			return pointers[*corev1.Pod](found.Items), found.ResourceVersion, err
		},
	}
}

// pointers returns pointers to the items of a list.
func pointers[P interface {
	*T
	runtime.Object
}, T any](items []T) (objects []runtime.Object) {
	for i := range items {
		objects = append(objects, P(&items[i]))
	}
	return objects
}

// single returns the source of one object, known up to a version. It uses get, not
// list, which the Role may not grant.
func single(c *kube.Cluster, ref kube.Ref, version string) source {
	client, options := c.For(ref), kube.ByName(ref.Name)
	options.ResourceVersion = version
	return source{
		name: ref.String(), open: client.Watch, options: options,
		list: func(ctx context.Context) ([]runtime.Object, string, error) {
			object, err := client.Get(ctx, ref.Name)
			if object == nil || err != nil {
				return nil, "", err
			}
			return []runtime.Object{object.(runtime.Object)}, object.GetResourceVersion(), nil
		},
	}
}

// deletedMeanwhile returns the cause if an object that must exist was deleted. Pods
// come and go; the Deployment and the claim must not.
func deletedMeanwhile(o observation, waitedFor ...kube.Ref) *Cause {
	if !o.deleted && (!o.complete || len(o.objects) > 0) {
		return nil
	}
	for _, ref := range waitedFor {
		if o.source == ref.String() {
			return &Cause{
				Reason: "Deleted", Object: ref, Final: true,
				Message: fmt.Sprintf("Somebody deleted %s during the wait.", ref),
				Hint:    "Run the same command again when nobody else is deleting it.",
			}
		}
	}
	return nil
}

// notReady returns the error, with the last lines of a crashed container.
func notReady(ctx context.Context, c *kube.Cluster, ref kube.Ref, status Status, began time.Time) error {
	if cause := status.Cause; cause != nil && status.Pod != nil && (cause.Reason == "CrashLoopBackOff" || cause.Reason == otherContainerReason) {
		cause.Log = lastWords(ctx, c, status.Pod, cause.Container)
		explainLog(cause, status.Pod.Spec.NodeName)
	}
	return &NotReadyError{Ref: ref, Cause: status.Cause, Now: status.Now, After: time.Since(began)}
}
