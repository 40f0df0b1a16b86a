package lifecycle

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/rollout"
)

// checkDrain asks a daemon that is to stop what it waits for, and returns the answer; nil
// if none waits. That daemon is why there is no other.
func (i Instance) checkDrain(ctx context.Context, state rollout.State, status *rollout.Status) *dind.Draining {
	pod := stoppingPod(state)
	if pod == nil || status.Ready {
		return nil
	}
	out, err := i.Cluster.Exec(ctx, pod.Name, dind.ContainerName, dind.DrainCommand()...)
	draining := dind.ParseDraining(out)
	if err != nil || draining == nil {
		return nil
	}
	what := "in a few seconds: no client is connected any more"
	if len(draining.Clients) > 0 {
		what = fmt.Sprintf("when its clients have ended, at %s at the latest: %s", draining.Until.Format("2 Jan 15:04 MST"), strings.Join(draining.Clients, ", "))
	}
	status.Cause = &rollout.Cause{
		Reason: "Draining", Object: kube.Ref{Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name},
		Message: fmt.Sprintf("The daemon in pod %s takes no new jobs and stops %s.", pod.Name, what),
		Hint: fmt.Sprintf("`kubectl get pods -A -o wide` shows which jobs have these addresses; `kubectl exec -n %s %s -c %s -- sh -c 'kill 1'` stops the daemon without waiting for them.",
			pod.Namespace, pod.Name, dind.ContainerName),
	}
	return draining
}

// stoppingPod returns the pod that is to stop, and whose daemon runs; nil if there is none.
func stoppingPod(state rollout.State) *corev1.Pod {
	for _, pod := range state.Pods {
		if pod.DeletionTimestamp != nil && rollout.ContainerRuns(pod, dind.ContainerName) && dind.DrainTimeout(pod.Spec) > 0 {
			return pod
		}
	}
	return nil
}
