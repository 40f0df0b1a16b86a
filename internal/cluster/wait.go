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
)

// Rollout is what WaitReady waits for.
type Rollout struct {
	Deployment string
	Generation int64 // the Deployment's, as applied; older states are ignored
	Selector   map[string]string
	Claim      string // "" where there is none to wait for
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

// WaitReady follows the rollout until its pod is ready and returns the pod.
// report is told what the cluster is doing, and what is in its way, each time
// something changes. It returns a *NotReadyError when ctx's deadline passes or
// nothing more can be hoped for, a *WatchError when the state can no longer be
// followed, and context.Canceled when ctx is cancelled.
func (c *Cluster) WaitReady(ctx context.Context, rollout Rollout, report func(Verdict)) (*corev1.Pod, error) {
	began := time.Now()
	core := c.Client.CoreV1()
	sources := []source{
		{"deployments", c.Client.AppsV1().Deployments(c.Namespace).Watch, named(rollout.Deployment)},
		{"pods", core.Pods(c.Namespace).Watch, selected(rollout.Selector)},
	}
	if rollout.Claim != "" {
		sources = append(sources, source{"persistentvolumeclaims", core.PersistentVolumeClaims(c.Namespace).Watch, named(rollout.Claim)})
	}
	seen := newObserved(rollout.Generation, rollout.EarlierRefusal)
	verdict := Verdict{Now: "waiting for the deployment controller"}
	failure := func() error {
		return c.notReady(ctx, Ref{"Deployment", c.Namespace, rollout.Deployment}, verdict, began)
	}
	err := until(ctx, sources, func(o observation) (more []source, done bool, err error) {
		more = c.eventSources(seen.take(o))
		if o.restarted {
			return more, false, nil
		}
		if gone := deletedMeanwhile(o); gone != nil {
			verdict = Verdict{Cause: gone}
			return nil, true, failure()
		}
		verdict = Judge(seen.view())
		report(verdict)
		if verdict.Cause != nil && verdict.Cause.Final {
			return nil, true, failure()
		}
		return more, verdict.Ready, nil
	})
	switch {
	case err == nil:
		return verdict.Pod, nil
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil:
		return nil, failure()
	default:
		return nil, err
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
func deletedMeanwhile(o observation) *Cause {
	if !o.deleted {
		return nil
	}
	var ref Ref
	switch object := o.object.(type) {
	case *appsv1.Deployment:
		ref = Ref{"Deployment", object.Namespace, object.Name}
	case *corev1.PersistentVolumeClaim:
		ref = claimRef(object)
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
