//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
)

// A ServiceAccount with exactly the permissions that --print-role prints can
// run every command, and uses each of the permissions.
func TestLeastPrivilege(t *testing.T) {
	t.Parallel()
	i := inNewNamespace(t, nil)
	options := i.installOptions("--tls")
	permissions := permissionsIn(i.printedRoles(t, options...))
	user := i.account(t, "installer", permissions, permission{})
	token := got[*authenticationv1.TokenRequest](t)(env.cluster.CoreV1().ServiceAccounts(i.namespace).CreateToken(t.Context(), "installer", &authenticationv1.TokenRequest{}, metav1.CreateOptions{}))
	path := writeKubeconfig(t, kubeconfig{server: env.config.Host, authority: env.config.CAData, token: token.Status.Token})

	c := readCheck(t, dindctl(t, append(i.command("check", append(options, "--kubeconfig", path)...), "-o", "json")...).want(t, done))
	c.says(t, "permissions", "ok", "granted")
	for _, one := range c.Checks {
		if one.Name != "network policy" && one.Name != "allowed namespaces" && one.Verdict != "ok" {
			t.Errorf("with the printed Roles: %+v", one)
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
	// A crashing daemon, whose last log lines install reads.
	dindctl(t, i.command("install", append(options, "--kubeconfig", path, "--dockerd-arg", "--no-such-flag", "--timeout", "2m")...)...).want(t, notReady).says(t, "unknown flag")
	dindctl(t, i.command("status", "--kubeconfig", path)...).want(t, notReady)
	i.addFinalizers(t)
	uninstall := prepare(t, nil, i.command("uninstall", "--kubeconfig", path, "--delete-data", "--yes")...).start(t)
	i.removeFinalizers(t)
	uninstall.wait(t).want(t, done)
	equal(t, "remaining objects", i.leftOver(t), nil)

	if env.audit == "" {
		t.Log("the audit log of this cluster is not known: cannot check that each permission is used")
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
			// A patch that creates an object also needs this permission.
			used["create "+resource] = true
		}
	}
	for _, r := range permissions {
		if !used[r.String()] && !seldom[r.String()] {
			t.Errorf("%s is granted but not used", r)
		}
	}
	t.Logf("%d permissions, %d kinds of requests", len(permissions), len(used))
}

const finalizer = "e2e.dindctl/hold"

// held are the objects that get the finalizer, by kind: without it, they may be gone
// before uninstall watches them.
func (i *installation) held() map[string]string {
	return map[string]string{
		"configmap": i.name + "-config", "service": i.name, "networkpolicy": i.name, "cronjob": i.name + "-clear-cache",
	}
}

// addFinalizers makes an uninstall wait for objects with a finalizer, and adds
// a Job that is not deleted with a CronJob.
func (i *installation) addFinalizers(t *testing.T) {
	t.Helper()
	for kind, name := range i.held() {
		hold := []byte(`{"metadata": {"finalizers": ["` + finalizer + `"]}}`)
		_, err := i.metadata(t, kind).Patch(t.Context(), name, types.MergePatchType, hold, metav1.PatchOptions{})
		must(t, err)
	}
	pod := jobPod(baseImage, nil, "sleep 600")
	_, err := env.cluster.BatchV1().Jobs(i.namespace).Create(t.Context(), &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: "left-over", Labels: map[string]string{
			"app.kubernetes.io/instance": i.name, "app.kubernetes.io/managed-by": "dindctl",
		}},
		Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: pod.Spec}},
	}, metav1.CreateOptions{})
	must(t, err)
}

// removeFinalizers removes the finalizer of each object that is being deleted. The
// policy is deleted last.
func (i *installation) removeFinalizers(t *testing.T) {
	t.Helper()
	for _, kind := range []string{"configmap", "service", "cronjob", "networkpolicy"} {
		name := i.held()[kind]
		eventually(t, "the release of "+kind+"/"+name, func(ctx context.Context) (bool, error) {
			object, err := i.metadata(t, kind).Get(ctx, name, metav1.GetOptions{})
			if err != nil || object.DeletionTimestamp == nil {
				return false, err
			}
			// The garbage collector's finalizer stays.
			object.Finalizers = slices.DeleteFunc(object.Finalizers, func(f string) bool { return f == finalizer })
			release := got[[]byte](t)(json.Marshal(map[string]any{"metadata": map[string]any{
				"finalizers": object.Finalizers, "resourceVersion": object.ResourceVersion,
			}}))
			_, err = i.metadata(t, kind).Patch(ctx, name, types.MergePatchType, release, metav1.PatchOptions{})
			if apierrors.IsConflict(err) {
				return false, nil
			}
			return err == nil, err
		})
	}
}

// metadata returns a client for objects of the kind in the installation's namespace.
func (i *installation) metadata(t *testing.T, kind string) metadata.ResourceInterface {
	t.Helper()
	return got[metadata.Interface](t)(metadata.NewForConfig(env.config)).Resource(kinds[kind]).Namespace(i.namespace)
}

// seldom holds permissions that a life without failures may not use.
var seldom = map[string]bool{
	// The Service may already route to the pod.
	"watch endpointslices": true,
	// Which of the two is used depends on the streaming protocol.
	"get pods/portforward": true, "create pods/portforward": true, "get pods/exec": true, "create pods/exec": true,
}
