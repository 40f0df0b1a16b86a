//go:build e2e

package e2e

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Admission refuses an object. The preflight finds this before anything is
// changed. Without the preflight, the cause comes from what the controllers
// report.
func TestCausesAdmission(t *testing.T) {
	t.Parallel()
	t.Run("Pod Security", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, map[string]string{enforce: "baseline"})
		words := []string{`violates PodSecurity "baseline:latest"`, "privileged"}
		f := i.failedInstall(t)
		f.finds(t, "pod admission", words...)
		label := "kubectl label namespace " + i.namespace + " " + enforce + "=privileged"
		contains(t, "the check's hint", f.Problems[0].Hint, label)
		equal(t, "objects after the preflight", i.leftOver(t), nil)

		w := i.watchedInstall(t, "--skip-preflight", "--timeout", shortly)
		w.want(t, notReady)
		w.reports(t, "violates PodSecurity", i.refusedSince(t))
		f = i.failedInstall(t, "--skip-preflight", "--timeout", shortly).names(t, "PodSecurity", words...)
		contains(t, "hint", f.Hint, label)
		i.statusSays(t, f)

		i.relabel(t, `{"metadata":{"labels":{"`+enforce+`":"privileged"}}}`)
		i.install(t)
	})
	t.Run("quota exceeded", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		i.quota(t, corev1.ResourcePods, "0")
		i.failedInstall(t).finds(t, "pod admission", "exceeded quota: e2e", "limited: pods=0")
		equal(t, "objects after the preflight", i.leftOver(t), nil)
		f := i.failedInstall(t, "--skip-preflight", "--timeout", shortly).names(t, "QuotaExceeded", "exceeded quota: e2e", "limited: pods=0")
		i.statusSays(t, f)

		_, err := env.cluster.CoreV1().ResourceQuotas(i.namespace).Patch(t.Context(), "e2e", types.MergePatchType, []byte(`{"spec":{"hard":{"pods":"5"}}}`), metav1.PatchOptions{})
		must(t, err)
		i.install(t)
	})
	t.Run("quota requires limits", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		i.quota(t, corev1.ResourceLimitsMemory, "4Gi")
		f := i.failedInstall(t)
		f.finds(t, "pod admission", "failed quota: e2e", "must specify limits.memory")
		contains(t, "the check's hint", f.Problems[0].Hint, "--memory-limit")
		i.failedInstall(t, "--skip-preflight").names(t, "QuotaIncomplete", "must specify limits.memory")
		i.install(t, "--memory-limit", "1Gi")
		succeed(t, i.command("prune-now")...)
		succeed(t, i.command("verify")...)
	})
	// The quota refuses the claim itself.
	t.Run("storage quota exceeded", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		i.quota(t, corev1.ResourceRequestsStorage, "1Gi")
		r := dindctl(t, i.command("install", i.installOptions("-o", "json")...)...)
		failureOf(t, r).names(t, "QuotaExceeded", "docker-dind-data", "exceeded quota: e2e", "limited: requests.storage=1Gi")
		i.install(t, "--storage-size", "1Gi")
	})
	t.Run("limit range", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		i.limit(t, corev1.LimitTypeContainer, corev1.ResourceMemory, "2Gi")
		words := []string{"maximum memory usage per Container is 2Gi", "4Gi"}
		options := []string{"--memory-limit", "4Gi", "--memory-request", "64Mi"}
		i.failedInstall(t, options...).finds(t, "pod admission", words...)
		f := i.failedInstall(t, append(options, "--skip-preflight", "--timeout", shortly)...).names(t, "LimitRange", words...)
		contains(t, "hint", f.Hint, "--memory-limit")
		i.install(t, "--memory-limit", "2Gi", "--memory-request", "64Mi")
	})
	t.Run("limit range for claims", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		i.limit(t, corev1.LimitTypePersistentVolumeClaim, corev1.ResourceStorage, "2Gi")
		r := dindctl(t, i.command("install", i.installOptions("-o", "json")...)...)
		f := failureOf(t, r).names(t, "LimitRange", "docker-dind-data", "maximum storage usage per PersistentVolumeClaim is 2Gi")
		contains(t, "hint", f.Hint, "--storage-size")
	})
	t.Run("missing priority class", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		const word = "no PriorityClass with name e2e-nowhere was found"
		i.failedInstall(t, "--priority-class", "e2e-nowhere").finds(t, "pod admission", word)
		f := i.failedInstall(t, "--priority-class", "e2e-nowhere", "--skip-preflight", "--timeout", shortly).names(t, "PriorityClassMissing", word)
		contains(t, "hint", f.Hint, "kubectl get priorityclass")
		i.install(t)
	})
}

// A namespace does not admit privileged pods. The preflight finds this before
// anything is created; without the preflight, the wait does.
func TestPodSecurityRefusesThePod(t *testing.T) {
	t.Parallel()
	i := newInstallation(t, env.newest())
	createNamespace(t, i.namespace)
	_, err := env.cluster.CoreV1().Namespaces().Patch(t.Context(), i.namespace, types.MergePatchType,
		[]byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"baseline"}}}`), metav1.PatchOptions{})
	must(t, err)
	r := dindctl(t, i.command("check")...).want(t, notReady)
	if !strings.Contains(r.stdout, "privileged") {
		t.Errorf("check does not give the reason:\n%s", r.stdout)
	}
	const remedy = "pod-security.kubernetes.io/enforce=privileged"
	dindctl(t, i.command("install", i.installOptions()...)...).want(t, notReady).says(t, "privileged", remedy)
	equal(t, "objects after the preflight", i.leftOver(t), nil)
	dindctl(t, i.command("install", i.installOptions("--skip-preflight", "--timeout", "60s")...)...).want(t, notReady).says(t, "privileged", remedy)

	_, err = env.cluster.CoreV1().Namespaces().Patch(t.Context(), i.namespace, types.MergePatchType,
		[]byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"privileged"}}}`), metav1.PatchOptions{})
	must(t, err)
	succeed(t, i.command("check")...)
	i.install(t)
	i.job(t, "docker version").want(t)
}

func (i *installation) relabel(t *testing.T, patch string) {
	t.Helper()
	_, err := env.cluster.CoreV1().Namespaces().Patch(t.Context(), i.namespace, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	must(t, err)
}
