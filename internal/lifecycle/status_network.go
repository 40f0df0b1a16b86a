package lifecycle

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/rollout"
)

// serviceState reports a Service that does not route to the pod, or also elsewhere.
func (i Instance) serviceState(ctx context.Context, pod *corev1.Pod) []Problem {
	service := i.Cluster.Ref("Service", i.Name)
	endpoints, err := rollout.Endpoints(ctx, i.Cluster, i.Name)
	if err != nil {
		return []Problem{{
			Object: service.String(), Reason: "EndpointsUnknown", Severity: SeverityWarning,
			Message: "It is unknown whether the Service routes to the pod: " + err.Error(),
			Hint:    hintFor(err, "list endpointslices.discovery.k8s.io", "`dindctl status` tries again."),
		}}
	}
	var problems []Problem
	if port := dind.Port(dind.PodServesTLS(pod.Spec)); !rollout.RoutesTo(endpoints, pod, port) {
		problems = append(problems, *problemOf(rollout.NoEndpoint(service, pod.Name, port), SeverityError))
	}
	if others := rollout.OtherBackends(endpoints, pod); len(others) > 0 {
		problems = append(problems, Problem{
			Object: service.String(), Reason: "OtherBackend", Severity: SeverityError,
			Message: "The Service also routes to " + strings.Join(others, ", ") + ": jobs reach one daemon or the other, so caches miss, and what one step of a job builds the next does not find.",
			Hint:    fmt.Sprintf("`kubectl get pods -n %s -l %s --show-labels` shows the pods that it selects; delete the other one, or change its labels.", i.Cluster.Namespace, dind.AppLabel+"="+i.Name),
		})
	}
	return problems
}

// policyState reports policies that let more clients in than the options allow: the
// policies of a namespace add up. Without its NetworkPolicy, an installation is
// open anyway.
func (i Instance) policyState(ctx context.Context, found installation, pod *corev1.Pod) []Problem {
	own := found.networkPolicy()
	if own == nil {
		return nil
	}
	allowed := dind.PolicyNamespaces(own)
	options, known := dind.Remembered(found.deployment())
	if known {
		allowed = options.AllowNamespaces
	}
	policies := []networkingv1.NetworkPolicy{*own}
	list, err := kube.List(ctx, i.Cluster.Client.NetworkingV1().NetworkPolicies(i.Cluster.Namespace).List, metav1.ListOptions{})
	var problems []Problem
	if err == nil {
		policies = list.Items
	} else {
		problems = append(problems, Problem{
			Object: i.Cluster.Ref("NetworkPolicy", i.Name).String(), Reason: "PoliciesUnknown", Severity: SeverityWarning,
			Message: "It is unknown whether other policies of the namespace allow more: " + err.Error(),
			Hint:    hintFor(err, "list networkpolicies.networking.k8s.io", "`dindctl status` tries again."),
		})
	}
	for _, policy := range policies {
		who := dind.PolicyOpens(&policy, pod.Labels, dind.Port(dind.PodServesTLS(pod.Spec)), allowed)
		if who == "" {
			continue
		}
		hint := fmt.Sprintf("`kubectl describe networkpolicy %s -n %s` shows it; narrow its pod selector or delete it.", policy.Name, policy.Namespace)
		if policy.Name == own.Name {
			hint = repairHint(known)
		}
		problems = append(problems, Problem{
			Object: i.Cluster.Ref("NetworkPolicy", policy.Name).String(), Reason: "PolicyOpens", Severity: SeverityError,
			Message: "The policy also allows " + who + " to connect to the daemon, which is root on its node.",
			Hint:    hint,
		})
	}
	slices.SortStableFunc(problems, func(a, b Problem) int { return strings.Compare(a.Object, b.Object) })
	return problems
}
