//go:build e2e

package e2e

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The cluster's own admission policies or a terminating namespace refuse the
// objects.
func TestCausesPolicies(t *testing.T) {
	t.Parallel()
	t.Run("admission policy denies the pod", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		i.deny(t, "", "pods", "!object.spec.containers.exists(c, has(c.securityContext) && c.securityContext.?privileged.orValue(false))", "e2e wants no privileged pods")
		i.failedInstall(t).finds(t, "pod admission", "e2e wants no privileged pods")
		f := i.failedInstall(t, "--skip-preflight", "--timeout", shortly)
		f.names(t, "AdmissionDenied", "ValidatingAdmissionPolicy", "e2e wants no privileged pods")
		i.statusSays(t, f)
	})
	// The object is refused when it is applied. The objects that were applied
	// before stay.
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
	// A terminating namespace accepts no new objects. A finalizer keeps it
	// terminating.
	t.Run("namespace terminating", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		maps := env.cluster.CoreV1().ConfigMaps(i.namespace)
		_, err := maps.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "held", Finalizers: []string{"dindctl.test/held"}}}, metav1.CreateOptions{})
		must(t, err)
		t.Cleanup(func() { releaseNamespace(t, i.namespace) })
		must(t, env.cluster.CoreV1().Namespaces().Delete(t.Context(), i.namespace, metav1.DeleteOptions{}))
		check := i.checkOf(t, notReady).says(t, "pod admission", "failed", i.namespace, "being deleted")
		for _, options := range [][]string{nil, {"--skip-preflight"}, {"--create-namespace"}} {
			f := i.failedInstall(t, append(options, "--timeout", "60s")...)
			if f.Reason != "NamespaceTerminating" { // the preflight found it
				f.finds(t, "pod admission", check.Reason)
				contains(t, "the check's hint", f.Problems[0].Hint, "once it is deleted")
				continue
			}
			f.names(t, "NamespaceTerminating", i.namespace, "being terminated")
		}
	})
}

func releaseNamespace(t *testing.T, namespace string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	maps := env.cluster.CoreV1().ConfigMaps(namespace)
	held, err := maps.Get(ctx, "held", metav1.GetOptions{})
	if err == nil {
		held.Finalizers = nil
		_, err = maps.Update(ctx, held, metav1.UpdateOptions{})
	}
	if err != nil {
		t.Errorf("removing the finalizer in the namespace: %v", err)
	}
}
