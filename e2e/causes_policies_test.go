//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What the cluster's own policies, and the namespace's end, refuse.
func TestCausesPolicies(t *testing.T) {
	t.Parallel()
	t.Run("admission policy denies the pod", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		i.deny(t, "", "pods", "!object.spec.containers.exists(c, has(c.securityContext) && c.securityContext.?privileged.orValue(false))", "e2e wants no privileged pods")
		i.trouble(t).finds(t, "pod admission", "e2e wants no privileged pods")
		f := i.trouble(t, "--skip-preflight", "--timeout", shortly)
		f.names(t, "AdmissionDenied", "ValidatingAdmissionPolicy", "e2e wants no privileged pods")
		i.statusSays(t, f)
	})
	// The object itself is refused when it is applied. What was applied before
	// stays, and is told.
	t.Run("admission policy denies the Deployment", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		i.deny(t, "apps", "deployments", "false", "e2e wants no Deployments")
		r := dindctl(t, i.command("install", i.installOptions("-o", "json")...)...)
		if r.code != failed && r.code != notReady {
			t.Errorf("exit code %d", r.code)
		}
		failureOf(t, r).names(t, "AdmissionDenied", "deployment/"+i.name, "e2e wants no Deployments")
	})
	// A namespace on its way out takes nothing new. It is held by an object's
	// finalizer.
	t.Run("namespace Terminating", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		maps := env.cluster.CoreV1().ConfigMaps(i.namespace)
		_, err := maps.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "held", Finalizers: []string{"dindctl.test/held"}}}, metav1.CreateOptions{})
		must(t, err)
		t.Cleanup(func() { letGo(t, i.namespace) })
		must(t, env.cluster.CoreV1().Namespaces().Delete(t.Context(), i.namespace, metav1.DeleteOptions{}))
		check := i.checkOf(t, notReady).says(t, "pod admission", "failed", i.namespace, "being deleted")
		for _, options := range [][]string{nil, {"--skip-preflight"}, {"--create-namespace"}} {
			f := i.trouble(t, append(options, "--timeout", "60s")...)
			if f.Reason != "NamespaceTerminating" { // the preflight found it
				f.finds(t, "pod admission", check.Reason)
				contains(t, "the check's hint", f.Problems[0].Hint, "when it is gone")
				continue
			}
			f.names(t, "NamespaceTerminating", i.namespace, "being terminated")
		}
	})
}

// deny has a policy refuse, in this namespace, new objects that do not hold to
// the expression.
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
	// The API server takes a moment to know the policy.
	eventually(t, "the policy", func(ctx context.Context) (bool, error) {
		err := i.dryRun(ctx, resource)
		return err != nil && strings.Contains(err.Error(), message), nil
	})
}

// created matches this namespace's new objects of one kind.
func (i *installation) created(group, resource string) *admissionv1.MatchResources {
	return &admissionv1.MatchResources{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: i.namespace}},
		ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
			Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
			Rule:       admissionv1.Rule{APIGroups: []string{group}, APIVersions: []string{"v1"}, Resources: []string{resource}},
		}}},
	}
}

// dryRun asks what would come of a privileged pod, or a Deployment of it.
func (i *installation) dryRun(ctx context.Context, resource string) error {
	pod := hostPod("nowhere", "/nowhere", "true")
	how := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	if resource == "pods" {
		_, err := env.cluster.CoreV1().Pods(i.namespace).Create(ctx, pod, how)
		return err
	}
	_, err := env.cluster.AppsV1().Deployments(i.namespace).Create(ctx, deploymentOf(pod), how)
	return err
}

// withoutClasses has a policy take the class from this namespace's claims, as
// if the cluster had no default one. The claims' controller would set it later,
// as often as it likes.
func (i *installation) withoutClasses(t *testing.T) {
	t.Helper()
	policies, bindings := env.cluster.AdmissionregistrationV1().MutatingAdmissionPolicies(), env.cluster.AdmissionregistrationV1().MutatingAdmissionPolicyBindings()
	_, err := policies.Create(t.Context(), &admissionv1.MutatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: i.namespace},
		Spec: admissionv1.MutatingAdmissionPolicySpec{
			MatchConstraints: i.created("", "persistentvolumeclaims"),
			MatchConditions:  []admissionv1.MatchCondition{{Name: "class", Expression: "has(object.spec.storageClassName)"}},
			// After a change, the plugin that sets the default class runs again.
			ReinvocationPolicy: admissionv1.IfNeededReinvocationPolicy,
			Mutations: []admissionv1.Mutation{{
				PatchType: admissionv1.PatchTypeJSONPatch,
				JSONPatch: &admissionv1.JSONPatch{Expression: `[JSONPatch{op: "remove", path: "/spec/storageClassName"}]`},
			}},
		},
	}, metav1.CreateOptions{})
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
	claims := env.cluster.CoreV1().PersistentVolumeClaims(i.namespace)
	eventually(t, "the policy", func(ctx context.Context) (bool, error) {
		claim, err := claims.Create(ctx, claimOf("e2e"), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err == nil && claim.Spec.StorageClassName == nil, err
	})
}

func letGo(t *testing.T, namespace string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	maps := env.cluster.CoreV1().ConfigMaps(namespace)
	held, err := maps.Get(ctx, "held", metav1.GetOptions{})
	if err == nil {
		held.Finalizers = nil
		_, err = maps.Update(ctx, held, metav1.UpdateOptions{})
	}
	if err != nil {
		t.Errorf("letting the namespace go: %v", err)
	}
}
