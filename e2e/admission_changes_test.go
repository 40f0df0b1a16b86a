//go:build e2e

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/util/retry"
)

// A policy adds a container, a limit and a label to every pod, as a mesh does. check names
// them, and everything works: a Job has ended when its own container has.
func TestSidecars(t *testing.T) {
	t.Parallel()
	i := inNewNamespace(t, nil)
	i.mutatePods(t, `[
		JSONPatch{op: "add", path: "/spec/containers/-", value: Object.spec.containers{name: "e2e-proxy", image: "`+i.image+`", command: ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"]}},
		JSONPatch{op: "add", path: "/metadata/labels/e2e-mesh", value: "on"},
		JSONPatch{op: "add", path: "/spec/containers/0/resources/limits", value: {"memory": "3Gi", "cpu": "2"}}]`)
	c := i.checkOf(t, done)
	for _, name := range []string{"pod admission", "prune admission", "verify admission"} {
		said := ""
		for _, one := range c.of(name) {
			if one.Verdict != "warning" {
				t.Errorf("%s: %+v", name, one)
			}
			said += one.Reason + "\n"
		}
		contains(t, name, said, "container e2e-proxy ("+i.image+")", "memory 3Gi")
	}
	i.install(t)
	pod := i.pod(t)
	equal(t, "the pod's label", pod.Labels["e2e-mesh"], "on")
	equal(t, "containers", len(pod.Spec.Containers), 2)
	equal(t, "opt-outs", []string{pod.Labels["sidecar.istio.io/inject"], pod.Labels["istio.io/dataplane-mode"], pod.Annotations["linkerd.io/inject"]}, []string{"false", "none", "disabled"})
	succeed(t, i.command("status")...)
	succeed(t, i.command("verify")...)
	r := succeed(t, i.command("prune-now")...)
	contains(t, "what prune-now says", r.stderr, "still runs containers that dindctl did not add: the Job is deleted")
	jobs := got[int](t)(func() (int, error) {
		list, err := env.cluster.BatchV1().Jobs(i.namespace).List(t.Context(), metav1.ListOptions{})
		return len(list.Items), err
	}())
	equal(t, "Jobs that are left", jobs, 0)
}

// mutatePods creates a policy that changes the namespace's new pods by a JSON Patch.
func (i *installation) mutatePods(t *testing.T, patch string) {
	t.Helper()
	constraints := i.created("", "pods")
	constraints.ResourceRules[0].Operations = []admissionv1.OperationType{admissionv1.Create}
	i.mutate(t, admissionv1.MutatingAdmissionPolicySpec{MatchConstraints: constraints, ReinvocationPolicy: admissionv1.NeverReinvocationPolicy}, patch)
	eventually(t, "the policy", func(ctx context.Context) (bool, error) {
		pod := jobPod(i.image, nil, "true")
		pod.Labels = map[string]string{"e2e": "yes"}
		pod.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")}
		admitted, err := env.cluster.CoreV1().Pods(i.namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err == nil && len(admitted.Spec.Containers) == 2, err
	})
}

// A quota that wants limits of every pod, and a LimitRange: check names what they do, and
// the Jobs run.
func TestQuotaAndLimitRange(t *testing.T) {
	t.Parallel()
	i := inNewNamespace(t, nil)
	i.quota(t, corev1.ResourceLimitsMemory, "8Gi")
	one := i.checkOf(t, notReady).says(t, "pod admission", "failed", "must specify limits.memory")
	contains(t, "the hint", one.Hint, "--memory-limit")
	_, err := env.cluster.CoreV1().LimitRanges(i.namespace).Create(t.Context(), &corev1.LimitRange{
		ObjectMeta: metav1.ObjectMeta{Name: "e2e"},
		Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
			Type: corev1.LimitTypeContainer, Default: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("2Gi")},
		}}},
	}, metav1.CreateOptions{})
	must(t, err)
	i.checkOf(t, done).says(t, "pod admission", "warning", "the namespace's LimitRange sets limits on the container docker-dind: memory 2Gi")
	r := i.install(t, "--memory-limit", "1Gi")
	contains(t, "install", r.stderr, "ready")
	succeed(t, i.command("prune-now")...)
	succeed(t, i.command("verify")...)
}

// Nodes of another architecture and of another system exist, and would take any pod. check
// names the first; no pod goes to either.
func TestOtherNodes(t *testing.T) {
	t.Parallel()
	i := inNewNamespace(t, nil)
	fakeNode(t, i.namespace+"-arm", map[string]string{corev1.LabelOSStable: "linux", corev1.LabelArchStable: "arm64"})
	fakeNode(t, i.namespace+"-win", map[string]string{corev1.LabelOSStable: "windows", corev1.LabelArchStable: "amd64"})
	tolerate := []string{"--toleration", fakeNodeTaint, "--node-selector", corev1.LabelArchStable + "=amd64"}
	one := i.checkOf(t, done, tolerate[:2]...).says(t, "architecture", "warning", "of amd64", "of arm64")
	contains(t, "the hint", one.Hint, "--node-selector "+corev1.LabelArchStable+"=")
	equal(t, "results with an architecture", i.checkOf(t, done, tolerate...).of("architecture"), nil)
	i.install(t, tolerate...)
	succeed(t, i.command("verify")...)
	succeed(t, i.command("prune-now")...)
}

const fakeNodeTaint = "e2e.dindctl.test/fake"

// fakeNode creates a node that nothing runs on, with a lot of room. Only pods that tolerate
// its taint are scheduled there.
func fakeNode(t *testing.T, name string, labels map[string]string) {
	t.Helper()
	nodes := env.cluster.CoreV1().Nodes()
	room := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("64"), corev1.ResourceMemory: resource.MustParse("256Gi"), corev1.ResourcePods: resource.MustParse("100")}
	_, err := nodes.Create(t.Context(), &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec:       corev1.NodeSpec{Taints: []corev1.Taint{{Key: fakeNodeTaint, Effect: corev1.TaintEffectNoSchedule}}},
	}, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() { _ = nodes.Delete(context.Background(), name, metav1.DeleteOptions{}) })
	// The control plane changes the new node at the same time.
	must(t, retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		node, err := nodes.Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		node.Status = corev1.NodeStatus{Capacity: room, Allocatable: room, Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}}
		_, err = nodes.UpdateStatus(t.Context(), node, metav1.UpdateOptions{})
		return err
	}))
	eventually(t, "the control plane to remove its taint of a new node", func(ctx context.Context) (bool, error) {
		node, err := nodes.Get(ctx, name, metav1.GetOptions{})
		return err == nil && len(node.Spec.Taints) == 1, err
	})
}

// The pod asks autoscalers to stay, has requests, and comes back with its cache after an
// eviction that ignores that. The PodDisruptionBudget of README prevents one.
func TestEviction(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest())
	pod := i.pod(t)
	equal(t, "QoS class", pod.Status.QOSClass, corev1.PodQOSBurstable)
	equal(t, "annotations", []string{pod.Annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"], pod.Annotations["karpenter.sh/do-not-disrupt"]}, []string{"false", "true"})
	i.buildsCold(t, "evicted")
	budgets := env.cluster.PolicyV1().PodDisruptionBudgets(i.namespace)
	_, err := budgets.Create(t.Context(), &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: i.name}, Spec: policyv1.PodDisruptionBudgetSpec{
		MaxUnavailable: new(intstr.FromInt32(0)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": i.name}},
	}}, metav1.CreateOptions{})
	must(t, err)
	eviction := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: i.namespace}}
	if err := env.cluster.PolicyV1().Evictions(i.namespace).Evict(t.Context(), eviction); !apierrors.IsTooManyRequests(err) {
		t.Errorf("with a PodDisruptionBudget, an eviction ends with %v", err)
	}
	must(t, budgets.Delete(t.Context(), i.name, metav1.DeleteOptions{}))
	i.awaitPod(t, i.evict(t))
	_, cached := cachedSteps(t, i.job(t, build("evicted")).want(t).log)
	equal(t, "cached steps after the eviction", len(cached), 4)

	_, err = env.cluster.CoreV1().ServiceAccounts(i.namespace).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "builder"}}, metav1.CreateOptions{})
	must(t, err)
	affinity := filepath.Join(t.TempDir(), "affinity.yml")
	must(t, os.WriteFile(affinity, []byte("nodeAffinity:\n  requiredDuringSchedulingIgnoredDuringExecution:\n    nodeSelectorTerms:\n    - matchExpressions:\n      - {key: "+
		corev1.LabelHostname+", operator: In, values: ["+anyNode(t)+"]}\n"), 0o600))
	i.install(t, "--affinity", affinity, "--allow-eviction", "--service-account", "builder", "--pod-label", "team=ci", "--pod-annotation", "example.com/note=a b")
	pod = i.pod(t)
	equal(t, "terms of the affinity", len(pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms), 1)
	equal(t, "the account, label, annotations", []string{pod.Spec.ServiceAccountName, pod.Labels["team"], pod.Annotations["example.com/note"], pod.Annotations["karpenter.sh/do-not-disrupt"]}, []string{"builder", "ci", "a b", ""})
	i.install(t)
	equal(t, "the account without the option", i.pod(t).Spec.ServiceAccountName, "default")
	r := dindctl(t, i.command("install", i.installOptions("--service-account", "e2e-nowhere")...)...).want(t, notReady)
	r.says(t, "error looking up service account", "kubectl create serviceaccount")
}

// The service account of a new namespace comes late. install waits for it.
func TestServiceAccountComesLate(t *testing.T) {
	t.Parallel()
	i := inNewNamespace(t, nil)
	i.deny(t, "", "serviceaccounts", "false", "e2e wants no service accounts")
	must(t, env.cluster.CoreV1().ServiceAccounts(i.namespace).Delete(t.Context(), "default", metav1.DeleteOptions{}))
	c := prepare(t, nil, i.command("install", i.installOptions("--skip-preflight")...)...).start(t)
	eventually(t, "the refusal on stderr", func(context.Context) (bool, error) {
		return strings.Contains(c.stderr.String(), "error looking up service account"), nil
	})
	must(t, env.cluster.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().Delete(t.Context(), i.namespace+"-serviceaccounts", metav1.DeleteOptions{}))
	c.wait(t).want(t, done)
}
