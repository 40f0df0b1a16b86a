//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	sigsyaml "sigs.k8s.io/yaml"
)

// kubeconfigOf is the kubeconfig of a user who has no rights but those that a
// test binds: the cluster's own, or the administrator's, impersonating.
func kubeconfigOf(t *testing.T, user string) string {
	t.Helper()
	path := filepath.Join(filepath.Dir(env.kubeconfig), user+".yaml")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	return writeKubeconfig(t, kubeconfig{server: env.config.Host, authority: env.config.CAData, token: env.config.BearerToken, as: user})
}

// permissionLine is how a missing permission is told: one verb, one resource.
var permissionLine = regexp.MustCompile(`^may not (get|list|watch|create|patch|delete) [a-z]+(\.[a-z0-9.]+)?(/[a-z]+)? in (namespace [a-z0-9-]+|the cluster)`)

// A user without any right: a line for each verb, with the way to ask for it,
// and what cannot be seen is not guessed.
func TestCheckRestrictedUser(t *testing.T) {
	t.Parallel()
	i := inNewNamespace(t, nil)
	options := i.installOptions("--kubeconfig", kubeconfigOf(t, "restricted"))
	c := readCheck(t, dindctl(t, append(i.command("check", options...), "-o", "json")...).want(t, notReady))
	missing := map[string]string{}
	for _, one := range c.of("permissions") {
		line := permissionLine.FindString(one.Reason)
		if line == "" || missing[line] != "" {
			t.Errorf("not one verb on one resource, or told twice: %+v", one)
		}
		missing[line] = one.Verdict
		if one.Verdict == "failed" {
			contains(t, "hint", one.Hint, "dindctl check --print-role")
		}
	}
	where := " in namespace " + i.namespace
	for _, line := range []string{
		"may not create persistentvolumeclaims" + where, "may not patch deployments.apps" + where, "may not create pods/portforward" + where,
		"may not watch events" + where, "may not get cronjobs.batch" + where, "may not delete networkpolicies.networking.k8s.io" + where,
	} {
		if missing[line] != "failed" {
			t.Errorf("%q: %q", line, missing[line])
		}
	}
	// What a command goes without is no reason to fail.
	if verdict := missing["may not create pods/exec"+where]; verdict != "warning" {
		t.Errorf("pods/exec: %q", verdict)
	}
	for _, line := range []string{"may not create namespaces in the cluster", "may not get nodes in the cluster"} {
		if missing[line] != "" {
			t.Errorf("%q is not needed with these options", line)
		}
	}
	c.says(t, "storage class", "unknown", "may not list storage classes")
	c.says(t, "pod admission", "unknown", "may not create pods")

	text := dindctl(t, i.command("check", options...)...).want(t, notReady)
	contains(t, "the text", text.stdout, "✗ permissions: may not create persistentvolumeclaims"+where+"\n")
}

// `check --print-role`, applied and bound to a user who had no right before,
// makes check pass and is enough for an installation's whole life.
func TestCheckPrintRole(t *testing.T) {
	t.Parallel()
	i := inNewNamespace(t, nil)
	user := i.installOptions("--kubeconfig", kubeconfigOf(t, "developer"))
	dindctl(t, i.command("check", user...)...).want(t, notReady)

	printed := succeed(t, i.command("check", "--print-role")...)
	equal(t, "stderr", printed.stderr, "")
	i.grant(t, printed.stdout, "developer")
	c := readCheck(t, dindctl(t, append(i.command("check", user...), "-o", "json")...).want(t, done))
	c.says(t, "permissions", "ok", "granted")
	for _, one := range c.Checks {
		if one.Name != "network policy" && one.Verdict != "ok" {
			t.Errorf("with the printed Role: %+v", one)
		}
	}

	as := func(name string, options ...string) result {
		return succeed(t, i.command(name, append([]string{"--kubeconfig", user[slices.Index(user, "--kubeconfig")+1]}, options...)...)...)
	}
	i.variables = variablesOf(t, succeed(t, i.command("install", user...)...))
	i.job(t, "docker version").want(t)
	s := decode[status](t, as("status", "-o", "json"))
	if !s.Healthy || len(s.Problems) > 0 || s.Daemon == nil || s.Disk == nil {
		t.Errorf("status: healthy %v, daemon %v, disk %v, problems %+v", s.Healthy, s.Daemon, s.Disk, s.Problems)
	}
	as("prune-now")
	as("verify")
	as("env")
	i.variables = variablesOf(t, succeed(t, i.command("install", append(user, "--env", "E2E=changed")...)...))
	as("uninstall", "--delete-data", "--yes")
	equal(t, "what is left", i.leftOver(t), nil)
}

// grant applies what --print-role printed, and binds it to the user. The
// ClusterRole gets a name of its own: other tests do the same.
func (i *installation) grant(t *testing.T, documents, user string) {
	t.Helper()
	subjects := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: user}}
	rbac := env.cluster.RbacV1()
	reader := yaml.NewYAMLReader(newReader(documents))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		must(t, err)
		if len(bytes.TrimSpace(document)) == 0 {
			continue
		}
		object := got[runtime.Object](t)(decodeStrictly(document))
		switch role := object.(type) {
		case *rbacv1.Role:
			equal(t, "the Role's namespace", role.Namespace, i.namespace)
			_, err = rbac.Roles(i.namespace).Create(t.Context(), role, metav1.CreateOptions{})
			must(t, err)
			_, err = rbac.RoleBindings(i.namespace).Create(t.Context(), &rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Name: role.Name}, Subjects: subjects,
				RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
			}, metav1.CreateOptions{})
			must(t, err)
		case *rbacv1.ClusterRole:
			role.Name = i.namespace
			t.Cleanup(func() {
				_ = rbac.ClusterRoles().Delete(context.Background(), role.Name, metav1.DeleteOptions{})
				_ = rbac.ClusterRoleBindings().Delete(context.Background(), role.Name, metav1.DeleteOptions{})
			})
			_, err = rbac.ClusterRoles().Create(t.Context(), role, metav1.CreateOptions{})
			must(t, err)
			_, err = rbac.ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
				ObjectMeta: metav1.ObjectMeta{Name: role.Name}, Subjects: subjects,
				RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
			}, metav1.CreateOptions{})
			must(t, err)
		default:
			t.Fatalf("--print-role printed a %T", object)
		}
	}
}

// decodeStrictly reads a document into the API's own type, which must know all
// of its fields.
func decodeStrictly(document []byte) (runtime.Object, error) {
	object, _, err := scheme.Codecs.UniversalDeserializer().Decode(document, nil, nil)
	if err != nil {
		return nil, err
	}
	return object, sigsyaml.UnmarshalStrict(document, object)
}

func newReader(text string) *bufio.Reader { return bufio.NewReader(strings.NewReader(text)) }
