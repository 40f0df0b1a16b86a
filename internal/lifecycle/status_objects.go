package lifecycle

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	storagev1 "k8s.io/api/storage/v1"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/rollout"
)

// objectProblems returns the problems that the objects show.
func objectProblems(found installation, status rollout.Status) []Problem {
	var problems []Problem
	cluster, name := found.i.Cluster, found.i.Name
	for _, ref := range []kube.Ref{
		cluster.Ref("Deployment", name), cluster.Ref("ConfigMap", dind.ConfigName(name)),
		cluster.Ref("Service", name), cluster.Ref("PersistentVolumeClaim", found.claimName),
	} {
		if kind := ref.Kind; found.objects.Find(ref) == nil {
			problems = append(problems, Problem{
				Object: kind, Reason: "Missing", Severity: SeverityError,
				Message: "The " + kind + " does not exist.", Hint: "`dindctl install` creates it again.",
			})
		}
	}
	for _, item := range found.objects {
		if problem := terminating(item); problem != nil {
			problems = append(problems, *problem)
		}
	}
	problems = append(problems, driftProblems(found, status.Ready)...)
	deployment := found.deployment()
	if deployment == nil || status.Ready {
		return problems
	}
	problem := Problem{
		Object: "deployment/" + deployment.Name, Reason: "NotReady", Severity: SeverityError,
		Message: "The pod is not ready: " + status.Now + ".",
		Hint:    "It may just be starting: follow it with `dindctl status --watch`.",
	}
	if replicas := deployment.Spec.Replicas; replicas != nil && *replicas == 0 {
		problem.Reason, problem.Message = "ScaledToZero", "The Deployment is scaled to zero: no daemon runs."
		problem.Hint = "`dindctl install` scales it back to one."
	}
	if cause := status.Cause; cause != nil {
		problem.Object, problem.Reason, problem.Message, problem.Hint = cause.Object.String(), cause.Reason, cause.Message, cause.Hint
	}
	return append(problems, problem)
}

// objectStates returns the states of the objects.
func objectStates(found installation, status rollout.Status) []ObjectState {
	var states []ObjectState
	for _, item := range found.objects {
		state := ObjectState{Kind: item.Ref.Kind, Name: item.Ref.Name, State: "Present", Ready: true}
		switch object := item.Object.(type) {
		case *storagev1.StorageClass:
			continue // all local volumes share it
		case *corev1.PersistentVolumeClaim:
			state.State, state.Ready = string(object.Status.Phase), object.Status.Phase == corev1.ClaimBound
			state.Detail = className(object)
			if size := object.Status.Capacity[corev1.ResourceStorage]; !size.IsZero() {
				state.Detail = size.String() + ", " + state.Detail
			}
		case *corev1.PersistentVolume:
			state.State, state.Ready = string(object.Status.Phase), object.Status.Phase == corev1.VolumeBound
			if object.Spec.Local != nil {
				state.Detail = object.Spec.Local.Path
			}
		case *appsv1.Deployment:
			state.State, state.Ready, state.Detail = "NotReady", status.Ready, status.Now
			if status.Ready {
				state.State, state.Detail = "Ready", fmt.Sprintf("pod %s on node %s", status.Pod.Name, status.Pod.Spec.NodeName)
			}
		case *corev1.Service:
			var ports []string
			for _, port := range object.Spec.Ports {
				ports = append(ports, fmt.Sprintf("%d/%s", port.Port, port.Protocol))
			}
			state.State, state.Detail = string(object.Spec.Type), strings.Join(ports, " ")
			if object.Spec.ClusterIP == corev1.ClusterIPNone {
				state.State = "Headless"
			}
		case *batchv1.CronJob:
			state.State, state.Detail = "Scheduled", object.Spec.Schedule
			if object.Spec.Suspend != nil && *object.Spec.Suspend {
				state.State, state.Ready = "Suspended", false
			}
		case *networkingv1.NetworkPolicy:
			state.State, state.Detail = "Created", "`dindctl verify --from NAMESPACE` shows whether it is enforced"
		}
		if item.Object.GetDeletionTimestamp() != nil {
			state.State, state.Ready = "Terminating", false
		}
		states = append(states, state)
	}
	return states
}
