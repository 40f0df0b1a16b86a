package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/dindctl/dindctl/internal/kube"
)

// remountTime is how long a driver may take to expand the file system of a running
// pod. One that has not by then only expands it when a pod mounts the volume.
const remountTime = 30 * time.Second

// Growing reports whether the claim's volume is still smaller than the claim
// requests: the storage driver is expanding it, or waits for a pod to mount it.
func Growing(claim *corev1.PersistentVolumeClaim) bool {
	asked, has := claim.Spec.Resources.Requests[corev1.ResourceStorage], claim.Status.Capacity[corev1.ResourceStorage]
	return claim.Status.Phase == corev1.ClaimBound && has.Cmp(asked) < 0
}

// Resize returns what blocks the expansion of a claim that is Growing, by its
// conditions and events: Final means that the driver refused it. If nothing is known
// to block it, the reason is ResizePending. The pods of the Deployment mount the claim.
func Resize(claim *corev1.PersistentVolumeClaim, deployment string, events []*corev1.Event, now time.Time) *Cause {
	cause := &Cause{
		Reason: "ResizePending", Object: claimRef(claim),
		Message: fmt.Sprintf("The volume of claim %s has not grown yet: %s. The daemon runs with the old size.", claim.Name, growth(claim)),
		Hint:    fmt.Sprintf("`kubectl describe pvc %s -n %s` shows what the storage driver says.", claim.Name, claim.Namespace),
	}
	failed := func(why string) *Cause {
		cause.Reason, cause.Final = "ResizeFailed", true
		cause.Message = fmt.Sprintf("The volume of claim %s cannot grow to %s: %s", claim.Name, requested(claim), oneLine(why))
		cause.Hint = fmt.Sprintf("The daemon runs with %s; `dindctl install --storage-size %s`, with the other options of this installation, takes the larger request back.", capacity(claim), smallest(claim))
		return cause
	}
	if status := claim.Status.AllocatedResourceStatuses[corev1.ResourceStorage]; strings.HasSuffix(string(status), "Infeasible") {
		return failed("the storage driver says that it is infeasible (" + string(status) + ")" + detail(": ", lastResizeFailure(claim, events)))
	}
	for _, condition := range claim.Status.Conditions {
		switch {
		case condition.Status != corev1.ConditionTrue:
		case strings.HasSuffix(string(condition.Type), "ResizeError"):
			return failed(string(condition.Type) + detail(": ", condition.Message))
		case condition.Type == corev1.PersistentVolumeClaimFileSystemResizePending && now.Sub(condition.LastTransitionTime.Time) > remountTime:
			cause.Hint = fmt.Sprintf("The driver may expand the file system only when a pod mounts the volume: `kubectl rollout restart deployment/%s -n %s` restarts the daemon.", deployment, claim.Namespace)
		}
	}
	if message := lastResizeFailure(claim, events); message != "" {
		return failed(message)
	}
	return cause
}

// lastResizeFailure returns what the resizer said when it failed; "" if it did not,
// or only for a size that was requested before.
func lastResizeFailure(claim *corev1.PersistentVolumeClaim, events []*corev1.Event) string {
	since := requestedAt(claim)
	event := State{Events: events}.newestEvent(claim.UID, func(event *corev1.Event) bool {
		return slices.Contains([]string{"VolumeResizeFailed", "FileSystemResizeFailed"}, event.Reason) && !eventTime(event).Before(since)
	})
	if event == nil {
		return ""
	}
	return event.Message
}

// requestedAt returns when dindctl last changed the claim, by the API server's clock;
// nil if it is unknown.
func requestedAt(claim *corev1.PersistentVolumeClaim) (at *metav1.Time) {
	for _, entry := range claim.ManagedFields {
		if entry.Manager == kube.FieldManager && (at == nil || at.Before(entry.Time)) {
			at = entry.Time
		}
	}
	return at
}

func detail(separator, message string) string {
	if message == "" {
		return ""
	}
	return separator + message
}

// WaitGrown waits until the volume has the size that the claim requests. It calls
// report with the progress, and ends early if the driver refuses the size. The errors
// are those of WaitReady.
func WaitGrown(ctx context.Context, c *kube.Cluster, claim *corev1.PersistentVolumeClaim, deployment string, report func(now string)) error {
	began := time.Now()
	ref := claimRef(claim)
	latest := claim
	var events []*corev1.Event
	report(growth(latest))
	sources := append(eventSources(c, []types.UID{claim.UID}), single(c, ref, claim.ResourceVersion))
	err := until(ctx, sources, func(o observation) (more []source, done bool, err error) {
		if event, is := o.object.(*corev1.Event); is {
			events = append(events, event)
		}
		now, is := o.object.(*corev1.PersistentVolumeClaim)
		gone := o.deleted && is || o.complete && len(o.objects) == 0
		if o.complete && !gone {
			now, is = o.objects[0].(*corev1.PersistentVolumeClaim)
		}
		if gone || is && now.UID != claim.UID {
			return nil, true, notReady(ctx, c, ref, Status{Now: "it was deleted in the meantime"}, began)
		}
		if is {
			latest = now
			report(growth(latest))
			if !Growing(latest) {
				return nil, true, nil
			}
		}
		if cause := Resize(latest, deployment, events, time.Now()); cause.Final {
			return nil, true, notReady(ctx, c, ref, Status{Cause: cause}, began)
		}
		return nil, false, nil
	})
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
		return notReady(ctx, c, ref, Status{Cause: Resize(latest, deployment, events, time.Now())}, began)
	}
	return err
}

// growth returns the progress: the sizes, and the claim's conditions. See
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/#expanding-persistent-volumes-claims
func growth(claim *corev1.PersistentVolumeClaim) string {
	text := fmt.Sprintf("%s of %s", capacity(claim), requested(claim))
	for _, condition := range claim.Status.Conditions {
		if condition.Status == corev1.ConditionTrue {
			text += ", " + string(condition.Type) + detail(": ", condition.Message)
		}
	}
	return text
}

func capacity(claim *corev1.PersistentVolumeClaim) string {
	size := claim.Status.Capacity[corev1.ResourceStorage]
	return size.String()
}

// smallest returns a size that the API server accepts instead of a larger request: it
// has to be more than the capacity.
func smallest(claim *corev1.PersistentVolumeClaim) string {
	size := claim.Status.Capacity[corev1.ResourceStorage]
	size.Add(resource.MustParse("1Gi"))
	return size.String()
}

func requested(claim *corev1.PersistentVolumeClaim) string {
	size := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	return size.String()
}
