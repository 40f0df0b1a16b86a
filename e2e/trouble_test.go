//go:build e2e

package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Without a right, the answer names the verb and the resource, and nothing
// hangs.
func TestForbidden(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest())
	for name, options := range map[string][]string{
		"install": i.installOptions(), "status": nil, "prune-now": nil, "uninstall": nil, "env": nil,
	} {
		r := dindctl(t, append(i.command(name, options...), "--as", "e2e-nobody", "--timeout", "60s")...).want(t, failed)
		r.says(t, `User "e2e-nobody" cannot `, ` resource "`, "ask an administrator")
	}
	// All but one right: the one that is missing is told. Reading is not
	// enough to open a port-forward, and without it nothing proves the daemon.
	allow(t, i.namespace, "e2e-operator", []rbacv1.PolicyRule{
		{APIGroups: []string{"", "apps", "batch", "networking.k8s.io", "discovery.k8s.io"}, Resources: []string{
			"persistentvolumeclaims", "configmaps", "services", "pods", "events", "deployments", "cronjobs", "jobs", "networkpolicies", "endpointslices",
		}, Verbs: []string{"*"}},
	})
	r := dindctl(t, append(i.command("install", i.installOptions()...), "--as", "e2e-operator", "--timeout", "60s")...)
	if r.code == done || !strings.Contains(r.stderr, "portforward") {
		t.Errorf("exit code %d without the right to open a port-forward:\n%s", r.code, r.stderr)
	}
	s := decode[status](t, dindctl(t, append(i.command("status", "-o", "json"), "--as", "e2e-operator")...))
	if s.Daemon != nil || s.Disk != nil || len(s.Problems) == 0 {
		t.Errorf("status without port-forward and exec: daemon %+v, disk %+v, problems %+v", s.Daemon, s.Disk, s.Problems)
	}
}

func allow(t *testing.T, namespace, user string, rules []rbacv1.PolicyRule) {
	t.Helper()
	rbac := env.cluster.RbacV1()
	_, err := rbac.Roles(namespace).Create(t.Context(), &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: user}, Rules: rules}, metav1.CreateOptions{})
	must(t, err)
	_, err = rbac.RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: user},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: user},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: user}},
	}, metav1.CreateOptions{})
	must(t, err)
}

// A namespace that does not take privileged pods is found out before anything
// is made, and by the wait where the preflight is skipped.
func TestPodSecurityRefusesThePod(t *testing.T) {
	t.Parallel()
	i := &installation{namespace: newNamespace(t), name: defaultName, image: env.newest()}
	createNamespace(t, i.namespace)
	_, err := env.cluster.CoreV1().Namespaces().Patch(t.Context(), i.namespace, types.MergePatchType,
		[]byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"baseline"}}}`), metav1.PatchOptions{})
	must(t, err)
	r := dindctl(t, i.command("check")...).want(t, notReady)
	if !strings.Contains(r.stdout, "privileged") {
		t.Errorf("check does not say why:\n%s", r.stdout)
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

// A daemon that does not run: status says so with exit code 3, a problem and a
// hint, prune-now does not wait for it, and the hint helps.
func TestDaemonDown(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest())
	deployments := env.cluster.AppsV1().Deployments(i.namespace)
	_, err := deployments.Patch(t.Context(), i.name, types.MergePatchType, []byte(`{"spec":{"replicas":0}}`), metav1.PatchOptions{FieldManager: "e2e"})
	must(t, err)
	eventually(t, "no pod", func(ctx context.Context) (bool, error) {
		d, err := deployments.Get(ctx, i.name, metav1.GetOptions{})
		return err == nil && d.Status.Replicas == 0, err
	})
	s := decode[status](t, dindctl(t, i.command("status", "-o", "json")...).want(t, notReady))
	if s.Healthy || s.Daemon != nil || s.Disk != nil || len(s.Problems) != 1 {
		t.Fatalf("status of a daemon that does not run: %+v", s)
	}
	if p := s.Problems[0]; p.Object != "deployment/"+i.name || p.Reason == "" || p.Message == "" || !strings.Contains(p.Hint, "dindctl install") {
		t.Errorf("problem: %+v", p)
	}
	text := dindctl(t, i.command("status")...).want(t, notReady)
	if !strings.Contains(text.stdout, "not healthy") || !strings.Contains(text.stdout, s.Problems[0].Hint) {
		t.Errorf("status as text:\n%s", text.stdout)
	}
	dindctl(t, i.command("prune-now")...).want(t, notReady)

	i.install(t)
	if s := statusOf(t, i); !s.Healthy {
		t.Errorf("still not healthy after install: %+v", s.Problems)
	}

	// One object that is gone is told, and made again.
	must(t, env.cluster.CoreV1().Services(i.namespace).Delete(t.Context(), i.name, metav1.DeleteOptions{}))
	s = decode[status](t, dindctl(t, i.command("status", "-o", "json")...).want(t, notReady))
	if len(s.Problems) != 1 || !strings.Contains(s.Problems[0].Message, "Service") {
		t.Errorf("status without the Service: %+v", s.Problems)
	}
	again := decode[installed](t, succeed(t, i.command("install", i.installOptions("-o", "json")...)...))
	equal(t, "changes", again.changes(), slices.Sorted(slices.Values([]string{"created", "unchanged"})))
	i.job(t, "docker version").want(t)
}
