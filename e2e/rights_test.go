//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// right is one verb on one resource that a Role grants.
type right struct {
	verb, group, resource string
	clusterWide           bool
}

func (r right) String() string { return r.verb + " " + r.resource }

// rightsIn lists them, each once.
func rightsIn(role *rbacv1.Role, clusterRole *rbacv1.ClusterRole) (rights []right) {
	add := func(rules []rbacv1.PolicyRule, clusterWide bool) {
		for _, rule := range rules {
			for _, verb := range rule.Verbs {
				if r := (right{verb, rule.APIGroups[0], rule.Resources[0], clusterWide}); !slices.Contains(rights, r) {
					rights = append(rights, r)
				}
			}
		}
	}
	add(role.Rules, false)
	if clusterRole != nil {
		add(clusterRole.Rules, true)
	}
	return rights
}

// account is a ServiceAccount that has what the Roles grant, apart from one right.
func (i *installation) account(t *testing.T, name string, rights []right, without right) (user string) {
	t.Helper()
	rbac, namespace := env.cluster.RbacV1(), i.namespace
	var inNamespace, inCluster []rbacv1.PolicyRule
	for _, r := range rights {
		rule := rbacv1.PolicyRule{Verbs: []string{r.verb}, APIGroups: []string{r.group}, Resources: []string{r.resource}}
		switch {
		case r == without:
		case r.clusterWide:
			inCluster = append(inCluster, rule)
		default:
			inNamespace = append(inNamespace, rule)
		}
	}
	meta := metav1.ObjectMeta{Name: name}
	subjects := []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: namespace, Name: name}}
	_, err := env.cluster.CoreV1().ServiceAccounts(namespace).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: meta}, metav1.CreateOptions{})
	must(t, err)
	_, err = rbac.Roles(namespace).Create(t.Context(), &rbacv1.Role{ObjectMeta: meta, Rules: inNamespace}, metav1.CreateOptions{})
	must(t, err)
	_, err = rbac.RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{ObjectMeta: meta, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name}}, metav1.CreateOptions{})
	must(t, err)
	// What has no namespace needs a name that no other test has.
	meta.Name = namespace + "-" + name
	t.Cleanup(func() {
		_ = rbac.ClusterRoleBindings().Delete(context.Background(), meta.Name, metav1.DeleteOptions{})
		_ = rbac.ClusterRoles().Delete(context.Background(), meta.Name, metav1.DeleteOptions{})
	})
	_, err = rbac.ClusterRoles().Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: meta, Rules: inCluster}, metav1.CreateOptions{})
	must(t, err)
	_, err = rbac.ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: meta, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name}}, metav1.CreateOptions{})
	must(t, err)
	return "system:serviceaccount:" + namespace + ":" + name
}

// A ServiceAccount with exactly what --print-role prints can do all that there
// is, and uses each right of it: nothing is asked for in vain.
func TestLeastPrivilege(t *testing.T) {
	t.Parallel()
	i := inNewNamespace(t, nil)
	options := i.installOptions("--tls")
	rights := rightsIn(i.printedRoles(t, options...))
	user := i.account(t, "installer", rights, right{})
	token := got[*authenticationv1.TokenRequest](t)(env.cluster.CoreV1().ServiceAccounts(i.namespace).CreateToken(t.Context(), "installer", &authenticationv1.TokenRequest{}, metav1.CreateOptions{}))
	path := writeKubeconfig(t, kubeconfig{server: env.config.Host, authority: env.config.CAData, token: token.Status.Token})

	c := readCheck(t, dindctl(t, append(i.command("check", append(options, "--kubeconfig", path)...), "-o", "json")...).want(t, done))
	c.says(t, "permissions", "ok", "granted")
	for _, one := range c.Checks {
		if one.Name != "network policy" && one.Name != "allowed namespaces" && one.Verdict != "ok" {
			t.Errorf("with the printed Role: %+v", one)
		}
	}
	as := func(name string, options ...string) result {
		return succeed(t, i.command(name, append([]string{"--kubeconfig", path}, options...)...)...)
	}
	as("install", options...)
	s := decode[status](t, as("status", "-o", "json"))
	if !s.Healthy || len(s.Problems) > 0 || s.Daemon == nil || s.Disk == nil {
		t.Errorf("status: healthy %v, daemon %v, disk %v, problems %+v", s.Healthy, s.Daemon, s.Disk, s.Problems)
	}
	as("prune-now", "-v")
	as("verify")
	as("env")
	as("install", append(options, "--env", "E2E=changed", "--rotate-certs")...)
	// A daemon that crashes, for its last lines.
	dindctl(t, i.command("install", append(options, "--kubeconfig", path, "--dockerd-arg", "--no-such-flag", "--timeout", "2m")...)...).want(t, notReady).says(t, "unknown flag")
	dindctl(t, i.command("status", "--kubeconfig", path)...).want(t, notReady)
	i.holdBack(t)
	uninstall := prepare(t, nil, i.command("uninstall", "--kubeconfig", path, "--delete-data", "--yes")...).start(t)
	i.letGo(t)
	uninstall.wait(t).want(t, done)
	equal(t, "what is left", i.leftOver(t), nil)

	if env.audit == "" {
		t.Log("the audit log of this cluster is not known, so whether each right is used is not checked")
		return
	}
	used := map[string]bool{}
	for _, request := range auditOf(t, user) {
		resource := request.ObjectRef.Resource
		if request.ObjectRef.Subresource != "" {
			resource += "/" + request.ObjectRef.Subresource
		}
		used[request.Verb+" "+resource] = true
		if request.Verb == "patch" {
			// Applying what is not there takes this right too, and is one request.
			used["create "+resource] = true
		}
	}
	for _, r := range rights {
		if !used[r.String()] && !seldom[r.String()] {
			t.Errorf("%s is asked for and not used", r)
		}
	}
	t.Logf("%d rights, %d kinds of requests", len(rights), len(used))
}

const finalizer = "e2e.dindctl/hold"

// holdBack has an uninstall wait: for objects that somebody else's finalizer
// keeps, and for a Job that no CronJob takes with it.
func (i *installation) holdBack(t *testing.T) {
	t.Helper()
	hold := []byte(`{"metadata": {"finalizers": ["` + finalizer + `"]}}`)
	core, options := env.cluster.CoreV1(), metav1.PatchOptions{FieldManager: "e2e"}
	_, err := core.ConfigMaps(i.namespace).Patch(t.Context(), i.name+"-config", types.MergePatchType, hold, options)
	must(t, err)
	_, err = core.Services(i.namespace).Patch(t.Context(), i.name, types.MergePatchType, hold, options)
	must(t, err)
	_, err = env.cluster.NetworkingV1().NetworkPolicies(i.namespace).Patch(t.Context(), i.name, types.MergePatchType, hold, options)
	must(t, err)
	pod := jobPod(baseImage, nil, "sleep 600")
	_, err = env.cluster.BatchV1().Jobs(i.namespace).Create(t.Context(), &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: "left-over", Labels: map[string]string{
			"app.kubernetes.io/instance": i.name, "app.kubernetes.io/managed-by": "dindctl",
		}},
		Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: pod.Spec}},
	}, metav1.CreateOptions{})
	must(t, err)
}

// letGo takes the finalizers off once all three objects are being deleted.
func (i *installation) letGo(t *testing.T) {
	t.Helper()
	core, options := env.cluster.CoreV1(), metav1.PatchOptions{FieldManager: "e2e"}
	configs, services, policies := core.ConfigMaps(i.namespace), core.Services(i.namespace), env.cluster.NetworkingV1().NetworkPolicies(i.namespace)
	eventually(t, "the deletion", func(ctx context.Context) (bool, error) {
		config, err := configs.Get(ctx, i.name+"-config", metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		service, err := services.Get(ctx, i.name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		policy, err := policies.Get(ctx, i.name, metav1.GetOptions{})
		return err == nil && config.DeletionTimestamp != nil && service.DeletionTimestamp != nil && policy.DeletionTimestamp != nil, err
	})
	release := []byte(`{"metadata": {"finalizers": null}}`)
	_, err := configs.Patch(t.Context(), i.name+"-config", types.MergePatchType, release, options)
	must(t, err)
	_, err = services.Patch(t.Context(), i.name, types.MergePatchType, release, options)
	must(t, err)
	_, err = policies.Patch(t.Context(), i.name, types.MergePatchType, release, options)
	must(t, err)
}

// seldom are rights that a life without faults may do without.
var seldom = map[string]bool{
	// The Service may lead to the pod by the time it is looked at.
	"watch endpointslices": true,
	// Which of the two depends on the protocol that the way into a pod takes.
	"get pods/portforward": true, "create pods/portforward": true, "get pods/exec": true, "create pods/exec": true,
}

// Whichever right is taken away, `check` names it: all of them, those of a local
// volume and of a new namespace included.
func TestCheckNamesEachRight(t *testing.T) {
	t.Parallel()
	i := inNewNamespace(t, nil)
	options := i.installOptions("--create-namespace", "--local-path", "/srv/dindctl", "--local-node", "nowhere")
	rights := rightsIn(i.printedRoles(t, options...))
	users := make([]string, len(rights))
	for n, r := range rights {
		users[n] = i.account(t, fmt.Sprintf("without-%d", n), rights, r)
	}
	var checking sync.WaitGroup
	atOnce := make(chan struct{}, 3)
	for n, r := range rights {
		checking.Go(func() {
			atOnce <- struct{}{}
			defer func() { <-atOnce }()
			c := prepare(t, nil, append(i.command("check", options...), "-o", "json", "--as", users[n])...).start(t).wait(t)
			told := decode[checked](t, c).of("permissions")
			if len(told) != 1 || !strings.HasPrefix(told[0].Reason, "may not "+r.verb+" "+qualified(r)+" in ") {
				t.Errorf("without %s, check says: %+v", r, told)
			}
		})
	}
	checking.Wait()
	t.Logf("%d rights, each named where it is missing", len(rights))
}

// qualified is the resource as `kubectl auth can-i` takes it.
func qualified(r right) string {
	if r.group == "" {
		return r.resource
	}
	resource, sub, found := strings.Cut(r.resource, "/")
	if found {
		return resource + "." + r.group + "/" + sub
	}
	return resource + "." + r.group
}

// Without the checks beforehand, the commands themselves name the right that is
// missing, or say what they could not do without it.
func TestCommandsNameEachRight(t *testing.T) {
	t.Parallel()
	sample := []string{"get services", "patch deployments", "watch pods", "create jobs", "list endpointslices", "create pods/portforward"}
	i := inNewNamespace(t, nil)
	all := rightsIn(i.printedRoles(t, i.installOptions()...))
	for _, r := range all {
		if rare[r.String()] {
			continue
		}
		if !env.soak && !slices.Contains(sample, r.String()) {
			continue
		}
		t.Run(r.String(), func(t *testing.T) {
			t.Parallel()
			i := inNewNamespace(t, nil)
			user := i.account(t, "without", all, r)
			var said []string
			for _, command := range [][]string{
				i.command("install", i.installOptions("--skip-preflight", "--timeout", "1m")...), i.command("status"), i.command("prune-now", "-v"), i.command("verify"),
				i.command("env"), i.command("install", i.installOptions("--skip-preflight", "--env", "E2E=1", "--timeout", "1m")...), i.command("check", i.installOptions()...),
				i.command("uninstall", "--delete-data", "--yes"),
			} {
				outcome := prepare(t, nil, append(command, "--as", user)...).start(t).wait(t)
				if outcome.code == done && strings.Contains(outcome.stderr, "error") {
					t.Errorf("%q ends with 0 and says %s", command, outcome.stderr)
				}
				if command[0] != "check" && names(outcome.stdout+outcome.stderr, r) {
					said = append(said, command[0])
				}
			}
			if len(said) == 0 {
				t.Errorf("nothing but check says that %s is missing", r)
			}
			t.Logf("without %s: told by %v", r, said)
		})
	}
}

// rare are rights that only a life with faults in it uses, as TestLeastPrivilege
// leads it, or the checks beforehand.
var rare = map[string]bool{
	"list storageclasses": true, "create pods": true, // the checks'
	"get jobs": true, "delete jobs": true, // a Job that its CronJob left behind
	"watch configmaps": true, "watch services": true, "watch networkpolicies": true, // kept by a finalizer
	"list events":          true, // in trouble
	"watch endpointslices": true, // see seldom
	"get pods/portforward": true, // without it the way is an older protocol
}

// names tells whether a text names the right: in the API server's words or in
// dindctl's.
func names(text string, r right) bool {
	return strings.Contains(text, fmt.Sprintf("cannot %s resource %q", r.verb, r.resource)) ||
		strings.Contains(text, "permission to "+r.verb+" "+qualified(r)) || strings.Contains(text, "may not "+r.verb+" "+qualified(r))
}
