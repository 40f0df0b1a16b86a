package rollout

import (
	"slices"
	"strings"
)

// The reasons of a refusal by a ResourceQuota and by a LimitRange.
const (
	QuotaExceeded      = "QuotaExceeded"
	LimitRangeViolated = "LimitRange"
)

// Refusal is the kind of a refusal by admission.
type Refusal struct {
	Reason, Hint string
	// Passes is set if the same request may be admitted a little later.
	Passes bool
}

// RefusalOf returns the kind of a refusal by the words of its message.
func RefusalOf(namespace, message string) Refusal {
	for _, row := range refusals() {
		if containsAny(message, row.words) && strings.Contains(message, row.and) {
			row.Hint = strings.ReplaceAll(row.Hint, "NAMESPACE", namespace)
			return row.Refusal
		}
	}
	return Refusal{"FailedCreate", "Ask the cluster's administrator what refuses the pod.", true}
}

func containsAny(text string, words []string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) })
}

// AdmissionDenied reports whether the message is that of an admission policy or
// webhook.
func AdmissionDenied(message string) bool { return containsAny(message, denials()) }

func denials() []string { return []string{"admission webhook", "ValidatingAdmissionPolicy"} }

// refusal is one row of the table of refusals: the first that matches counts.
type refusal struct {
	words []string // one of them is in the message
	and   string   // is in the message, too
	Refusal
}

const (
	setResources = "set --cpu-request, --memory-request, --cpu-limit and --memory-limit"
	ownAccount   = "`kubectl create serviceaccount docker-dind -n NAMESPACE`, `oc adm policy add-scc-to-user privileged -z docker-dind -n NAMESPACE`, and then install with --service-account docker-dind: the account of all other pods stays without privileges."
)

// refusals returns the table. The hints are those of the documentation of who refuses:
// https://docs.redhat.com/en/documentation/openshift_container_platform/4.18/html/authentication_and_authorization/managing-pod-security-policies,
// https://cloud.google.com/kubernetes-engine/docs/concepts/autopilot-security,
// https://docs.aws.amazon.com/eks/latest/userguide/fargate.html,
// https://open-policy-agent.github.io/gatekeeper/website/docs/exempt-namespaces and
// https://kyverno.io/docs/guides/exceptions/
func refusals() []refusal {
	return []refusal{
		{[]string{"per PersistentVolumeClaim is"}, "", Refusal{LimitRangeViolated, "Set --storage-size within the namespace's LimitRange.", false}},
		{[]string{"exceeded quota"}, "requests.storage", Refusal{QuotaExceeded, "Raise the ResourceQuota, or set --storage-size to fit it.", false}},
		{[]string{"violates PodSecurity"}, "", Refusal{"PodSecurity",
			"A Docker daemon needs a privileged pod: kubectl label namespace NAMESPACE pod-security.kubernetes.io/enforce=privileged --overwrite", false}},
		{[]string{"security context constraint"}, "", Refusal{"SecurityContextConstraints",
			"OpenShift admits a privileged pod only for a service account that may use such a constraint: " + ownAccount, false}},
		{[]string{"autogke-", "GKE Warden"}, "", Refusal{"GKEAutopilot",
			"GKE Autopilot runs privileged pods only of its partners, or by a WorkloadAllowlist of an administrator: install into a Standard cluster.", false}},
		{[]string{"not supported on Fargate"}, "", Refusal{"Fargate",
			"Fargate runs no privileged pods: install into a namespace that no Fargate profile selects, and which has nodes of EC2.", false}},
		{[]string{"gatekeeper.sh"}, "", Refusal{"Gatekeeper",
			"The message names the constraint in brackets; `kubectl get constraints` lists them. An administrator can add namespace NAMESPACE to its spec.match.excludedNamespaces.", false}},
		{[]string{"kyverno"}, "", Refusal{"Kyverno",
			"The message names the policy and its rule. An administrator can exempt the pods of namespace NAMESPACE by a PolicyException.", false}},
		{[]string{"failed quota"}, "must specify", Refusal{"QuotaIncomplete",
			"The ResourceQuota counts what the pod does not set: " + setResources + " as the message names them.", false}},
		{[]string{"status unknown for quota"}, "", Refusal{"QuotaUnknown", "The cluster is still computing a new ResourceQuota; `kubectl describe quota -n NAMESPACE` shows when it is done.", true}},
		{[]string{"exceeded quota", "failed quota"}, "", Refusal{QuotaExceeded, "Raise the ResourceQuota, or " + setResources + " to fit it.", true}},
		{[]string{"per Container is", "per Pod is", "limit to request ratio", "must be less than or equal to"}, "", Refusal{LimitRangeViolated,
			strings.ToUpper(setResources[:1]) + setResources[1:] + " within the namespace's LimitRange.", false}},
		{[]string{"no PriorityClass with name"}, "", Refusal{"PriorityClassMissing", "`kubectl get priorityclass` lists the classes; set one with --priority-class.", false}},
		{[]string{"RuntimeClass"}, "not found", Refusal{"RuntimeClassMissing", "`kubectl get runtimeclass` lists the classes; set one with --runtime-class.", false}},
		{[]string{"error looking up service account"}, "/default:", Refusal{"ServiceAccountMissing",
			"The cluster creates the service account of a new namespace; `kubectl get serviceaccount -n NAMESPACE` shows it.", true}},
		{[]string{"error looking up service account"}, "", Refusal{"ServiceAccountMissing",
			"`kubectl create serviceaccount NAME -n NAMESPACE` creates that of --service-account.", false}},
		{[]string{"failed calling webhook", "failed to call webhook"}, "", Refusal{"WebhookUnavailable",
			"The message names an admission webhook that does not answer: `kubectl get mutatingwebhookconfigurations,validatingwebhookconfigurations` lists them with their services.", true}},
		{denials(), "", Refusal{"AdmissionDenied", "Ask the cluster's administrator about the admission policy that the message names.", false}},
	}
}
