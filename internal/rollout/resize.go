package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

// Growing reports whether the claim's volume is still smaller than the claim
// requests: the storage driver is expanding it, or waits for a pod to mount it.
func Growing(claim *corev1.PersistentVolumeClaim) bool {
	asked, has := claim.Spec.Resources.Requests[corev1.ResourceStorage], claim.Status.Capacity[corev1.ResourceStorage]
	return claim.Status.Phase == corev1.ClaimBound && has.Cmp(asked) < 0
}

// WaitGrown waits until the volume has the size that the claim requests. It calls
// report with the progress. The errors are those of WaitReady.
func WaitGrown(ctx context.Context, c *kube.Cluster, claim *corev1.PersistentVolumeClaim, report func(now string)) error {
	began := time.Now()
	ref := claimRef(claim)
	latest := claim
	report(growth(latest))
	err := until(ctx, []source{single(c, ref, claim.ResourceVersion)},
		func(o observation) (more []source, done bool, err error) {
			now, is := o.object.(*corev1.PersistentVolumeClaim)
			if !is {
				if !o.complete || len(o.objects) == 0 {
					return nil, false, nil
				}
				now = o.objects[0].(*corev1.PersistentVolumeClaim)
			}
			if o.deleted || now.UID != claim.UID {
				return nil, true, notReady(ctx, c, ref, Status{Now: "it was deleted in the meantime"}, began)
			}
			latest = now
			report(growth(latest))
			return nil, !Growing(latest), nil
		})
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
		return notReady(ctx, c, ref, Status{Cause: &Cause{
			Reason: "NotGrown", Object: ref, Message: fmt.Sprintf("The volume of claim %s has not grown: %s.", claim.Name, growth(latest)),
			Hint: fmt.Sprintf("`kubectl describe pvc %s -n %s` shows what the storage driver says; until then, the daemon runs with the old size.", claim.Name, claim.Namespace),
		}}, began)
	}
	return err
}

// growth returns the progress: the sizes, and the claim's conditions. See
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/#expanding-persistent-volumes-claims
func growth(claim *corev1.PersistentVolumeClaim) string {
	asked, has := claim.Spec.Resources.Requests[corev1.ResourceStorage], claim.Status.Capacity[corev1.ResourceStorage]
	text := fmt.Sprintf("%s of %s", has.String(), asked.String())
	for _, condition := range claim.Status.Conditions {
		if condition.Status != corev1.ConditionTrue {
			continue
		}
		text += ", " + string(condition.Type)
		if condition.Message != "" {
			text += ": " + condition.Message
		}
	}
	return text
}
