//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const enforce = "pod-security.kubernetes.io/enforce"

// quota limits one resource of the namespace by a ResourceQuota named e2e.
func (i *installation) quota(t *testing.T, what corev1.ResourceName, most string) {
	t.Helper()
	quotas := env.cluster.CoreV1().ResourceQuotas(i.namespace)
	_, err := quotas.Create(t.Context(), &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "e2e"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{what: resource.MustParse(most)}},
	}, metav1.CreateOptions{})
	must(t, err)
	// Until the quota has a status, admission fails for another reason.
	eventually(t, "the quota", func(ctx context.Context) (bool, error) {
		quota, err := quotas.Get(ctx, "e2e", metav1.GetOptions{})
		return err == nil && len(quota.Status.Hard) > 0, err
	})
}

// limit sets the maximum of one resource by a LimitRange named e2e.
func (i *installation) limit(t *testing.T, kind corev1.LimitType, what corev1.ResourceName, most string) {
	t.Helper()
	_, err := env.cluster.CoreV1().LimitRanges(i.namespace).Create(t.Context(), &corev1.LimitRange{
		ObjectMeta: metav1.ObjectMeta{Name: "e2e"},
		Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
			Type: kind, Max: corev1.ResourceList{what: resource.MustParse(most)},
		}}},
	}, metav1.CreateOptions{})
	must(t, err)
}

// created matches objects of one kind that are created or updated in this
// namespace.
func (i *installation) created(group, resource string) *admissionv1.MatchResources {
	return &admissionv1.MatchResources{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: i.namespace}},
		ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
			Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
			Rule:       admissionv1.Rule{APIGroups: []string{group}, APIVersions: []string{"v1"}, Resources: []string{resource}},
		}}},
	}
}

// deny creates a policy that refuses new objects of the namespace unless they
// match the expression.
func (i *installation) deny(t *testing.T, group, resource, expression, message string) {
	t.Helper()
	name := i.namespace + "-" + resource
	policies, bindings := env.cluster.AdmissionregistrationV1().ValidatingAdmissionPolicies(), env.cluster.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings()
	_, err := policies.Create(t.Context(), &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: i.created(group, resource),
			Validations:      []admissionv1.Validation{{Expression: expression, Message: message}},
		},
	}, metav1.CreateOptions{})
	must(t, err)
	_, err = bindings.Create(t.Context(), &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       admissionv1.ValidatingAdmissionPolicyBindingSpec{PolicyName: name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny}},
	}, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		_ = bindings.Delete(context.Background(), name, metav1.DeleteOptions{})
		_ = policies.Delete(context.Background(), name, metav1.DeleteOptions{})
	})
	// A policy takes effect after a moment.
	eventually(t, "the policy", func(ctx context.Context) (bool, error) {
		err := i.dryRun(ctx, resource)
		return err != nil && strings.Contains(err.Error(), message), nil
	})
}

// withoutClasses creates a policy that removes the storage class from the
// namespace's claims, as if the cluster had no default class. The claim
// controller keeps setting it, so the policy covers updates too.
func (i *installation) withoutClasses(t *testing.T) {
	t.Helper()
	i.mutate(t, admissionv1.MutatingAdmissionPolicySpec{
		MatchConstraints: i.created("", "persistentvolumeclaims"),
		MatchConditions:  []admissionv1.MatchCondition{{Name: "class", Expression: "has(object.spec.storageClassName)"}},
		// The plugin that sets the default class runs again after a change.
		ReinvocationPolicy: admissionv1.IfNeededReinvocationPolicy,
	}, `[JSONPatch{op: "remove", path: "/spec/storageClassName"}]`)
	claims := env.cluster.CoreV1().PersistentVolumeClaims(i.namespace)
	eventually(t, "the policy", func(ctx context.Context) (bool, error) {
		claim, err := claims.Create(ctx, claimOf("e2e"), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err == nil && claim.Spec.StorageClassName == nil, err
	})
}

// mutate creates a policy that changes the namespace's objects by a JSON Patch.
func (i *installation) mutate(t *testing.T, policy admissionv1.MutatingAdmissionPolicySpec, patch string) {
	t.Helper()
	policies, bindings := env.cluster.AdmissionregistrationV1().MutatingAdmissionPolicies(), env.cluster.AdmissionregistrationV1().MutatingAdmissionPolicyBindings()
	policy.Mutations = []admissionv1.Mutation{{PatchType: admissionv1.PatchTypeJSONPatch, JSONPatch: &admissionv1.JSONPatch{Expression: patch}}}
	_, err := policies.Create(t.Context(), &admissionv1.MutatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: i.namespace}, Spec: policy}, metav1.CreateOptions{})
	if apierrors.IsNotFound(err) {
		t.Skip("the cluster has no MutatingAdmissionPolicies, which came with 1.36")
	}
	must(t, err)
	_, err = bindings.Create(t.Context(), &admissionv1.MutatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: i.namespace},
		Spec:       admissionv1.MutatingAdmissionPolicyBindingSpec{PolicyName: i.namespace},
	}, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		_ = bindings.Delete(context.Background(), i.namespace, metav1.DeleteOptions{})
		_ = policies.Delete(context.Background(), i.namespace, metav1.DeleteOptions{})
	})
}

// dryRun creates a privileged pod, a Deployment of it or a service account, as a
// server-side dry run.
func (i *installation) dryRun(ctx context.Context, resource string) error {
	pod := hostPod("nowhere", "/nowhere", "true")
	how := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	switch resource {
	case "pods":
		_, err := env.cluster.CoreV1().Pods(i.namespace).Create(ctx, pod, how)
		return err
	case "serviceaccounts":
		_, err := env.cluster.CoreV1().ServiceAccounts(i.namespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "e2e"}}, how)
		return err
	}
	_, err := env.cluster.AppsV1().Deployments(i.namespace).Create(ctx, deploymentOf(pod), how)
	return err
}

// deploymentOf returns a Deployment of the pod.
func deploymentOf(pod *corev1.Pod) *appsv1.Deployment {
	labels := map[string]string{"e2e": "yes"}
	pod.Spec.RestartPolicy = corev1.RestartPolicyAlways
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "e2e"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod.Spec},
		},
	}
}
