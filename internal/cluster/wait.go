package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// Rollout is what WaitReady waits for.
type Rollout struct {
	// Deployment is the Deployment as it was applied; older states of it are
	// ignored.
	Deployment *appsv1.Deployment
	// Claim is the claim that its pod mounts, as it was applied or found.
	Claim *corev1.PersistentVolumeClaim
	// EarlierRefusal is the View's.
	EarlierRefusal *metav1.Time
}

// NotReadyError says that the rollout did not become ready.
type NotReadyError struct {
	Ref   Ref
	Cause *Cause // nil when nothing is known to be wrong: it merely takes long
	Now   string // what the cluster was doing last
	After time.Duration
}

func (e *NotReadyError) Error() string {
	what := e.Now
	if e.Cause != nil {
		what = e.Cause.Message
	}
	return fmt.Sprintf("%s is not ready after %s: %s", e.Ref, e.After.Round(time.Second), what)
}

// WaitReady follows the rollout until its pod is ready and returns the pod. One
// that is complete already costs one request. report is told what the cluster
// is doing, and what is in its way, each time something changes. It returns a
// *NotReadyError when ctx's deadline passes or nothing more can be hoped for, a
// *WatchError when the state can no longer be followed, and context.Canceled
// when ctx is cancelled.
func (c *Cluster) WaitReady(ctx context.Context, rollout Rollout, report func(Verdict)) (*corev1.Pod, error) {
	began := time.Now()
	core := c.Client.CoreV1()
	deployments, claims := c.Client.AppsV1().Deployments(c.Namespace), core.PersistentVolumeClaims(c.Namespace)
	ref := Ref{"Deployment", c.Namespace, rollout.Deployment.Name}

	seen := newObserved(View{Generation: rollout.Deployment.Generation, EarlierRefusal: rollout.EarlierRefusal})
	pods := c.podSource(rollout.Deployment.Spec.Selector.MatchLabels)
	found, version, err := pods.list(ctx)
	if err != nil {
		return nil, c.readFailure(ctx, ref, err, began)
	}
	pods.options.ResourceVersion = version
	sources := []source{
		pods,
		single("deployments", deployments, deployments.Watch, rollout.Deployment.Name, rollout.Deployment.ResourceVersion),
	}
	uids := seen.take(observation{source: "pods", complete: true, objects: found})
	uids = append(uids, seen.take(observation{object: rollout.Deployment})...)
	if rollout.Claim != nil {
		uids = append(uids, seen.take(observation{object: rollout.Claim})...)
		sources = append(sources, single("persistentvolumeclaims", claims, claims.Watch, rollout.Claim.Name, rollout.Claim.ResourceVersion))
	}
	verdict := Judge(seen.view())
	if cause := verdict.Cause; cause != nil && cause.Reason == configError {
		seen.base.EarlierTrouble = verdict.Pod.UID
		verdict = Judge(seen.view())
	}
	// A daemon that ends again and again runs in between; that it runs at the
	// deadline does not make it ready.
	var ended Verdict
	report(verdict)
	switch {
	case verdict.Ready:
		return verdict.Pod, nil
	case verdict.Cause != nil && verdict.Cause.Final:
		return nil, c.notReady(ctx, ref, verdict, began)
	}

	err = until(ctx, append(sources, c.eventSources(uids)...), func(o observation) (more []source, done bool, err error) {
		more = c.eventSources(seen.take(o))
		if gone := deletedMeanwhile(o, c.Namespace, rollout); gone != nil {
			verdict = Verdict{Cause: gone}
			return nil, true, c.notReady(ctx, ref, verdict, began)
		}
		verdict = Judge(seen.view())
		if verdict.Cause != nil && verdict.Cause.Ended {
			ended = verdict
		}
		report(verdict)
		if verdict.Cause != nil && verdict.Cause.Final {
			return nil, true, c.notReady(ctx, ref, verdict, began)
		}
		return more, verdict.Ready, nil
	})
	switch {
	case err == nil:
		return verdict.Pod, nil
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
		if verdict.Cause == nil && ended.Cause != nil {
			verdict = ended
		}
		return nil, c.notReady(ctx, ref, verdict, began)
	default:
		return nil, err
	}
}

// readFailure tells a list that failed from one that ctx's deadline ended.
func (c *Cluster) readFailure(ctx context.Context, ref Ref, err error, began time.Time) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return c.notReady(ctx, ref, Verdict{Now: "waiting for the API server"}, began)
	}
	return &ReadError{Ref: Ref{"Pod", c.Namespace, "*"}, Err: err}
}

// podSource are the pods that carry the labels.
func (c *Cluster) podSource(labels map[string]string) source {
	options := selected(labels)
	return source{
		name: "pods", open: c.Client.CoreV1().Pods(c.Namespace).Watch, options: options,
		list: func(ctx context.Context) ([]runtime.Object, string, error) {
			list, err := retried(ctx, func(ctx context.Context) (*corev1.PodList, error) {
				return c.Client.CoreV1().Pods(c.Namespace).List(ctx, options)
			})
			if err != nil {
				return nil, "", err
			}
			objects := make([]runtime.Object, len(list.Items))
			for i := range list.Items {
				objects[i] = &list.Items[i]
			}
			return objects, list.ResourceVersion, nil
		},
	}
}

// single is one object by its name, known up to a version. It is read with get:
// a Role may well not allow to list.
func single[T, A any](resource string, client typedClient[T, A], open openWatch, name, version string) source {
	options := named(name)
	options.ResourceVersion = version
	return source{
		name: resource, open: open, options: options,
		list: func(ctx context.Context) ([]runtime.Object, string, error) {
			object, err := read(ctx, client, name)
			if object == nil || err != nil {
				return nil, "", err
			}
			return []runtime.Object{any(object).(runtime.Object)}, any(object).(metav1.Object).GetResourceVersion(), nil
		},
	}
}

func named(name string) metav1.ListOptions { return matching("metadata.name", name) }

func matching(field, value string) metav1.ListOptions {
	return metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector(field, value).String()}
}

func selected(selector map[string]string) metav1.ListOptions {
	return metav1.ListOptions{LabelSelector: labels.SelectorFromSet(selector).String()}
}

// deletedMeanwhile is the cause when an object that is waited for is deleted.
// Pods come and go; the Deployment and the claim must not.
func deletedMeanwhile(o observation, namespace string, rollout Rollout) *Cause {
	if !o.deleted && (!o.complete || len(o.objects) > 0) {
		return nil
	}
	var ref Ref
	switch o.source {
	case "deployments":
		ref = Ref{"Deployment", namespace, rollout.Deployment.Name}
	case "persistentvolumeclaims":
		ref = Ref{"PersistentVolumeClaim", namespace, rollout.Claim.Name}
	default:
		return nil
	}
	return &Cause{
		Reason: "Deleted", Object: ref, Final: true,
		Message: fmt.Sprintf("Somebody deleted %s while it was waited for.", ref),
		Hint:    "Run the same command again once nobody else is removing it.",
	}
}

// notReady makes the error, with the crashed container's last lines if that
// is what went wrong.
func (c *Cluster) notReady(ctx context.Context, ref Ref, verdict Verdict, began time.Time) error {
	if cause := verdict.Cause; cause != nil && verdict.Pod != nil && cause.Reason == "CrashLoopBackOff" {
		cause.Log = c.lastWords(ctx, verdict.Pod)
		if strings.Contains(cause.Log, "no space left on device") {
			cause.Reason, cause.Message = "DiskFull", "The daemon cannot start: its volume is full."
			cause.Hint = "Give it more with a larger --storage-size, where the storage class can grow; or delete files on the volume."
		}
	}
	return &NotReadyError{Ref: ref, Cause: verdict.Cause, Now: verdict.Now, After: time.Since(began)}
}
