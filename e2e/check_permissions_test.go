//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
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

// printedRoles are what --print-role prints, as an API server takes it.
func (i *installation) printedRoles(t *testing.T, options ...string) (role *rbacv1.Role, clusterRole *rbacv1.ClusterRole) {
	t.Helper()
	printed := succeed(t, i.command("check", append([]string{"--print-role"}, options...)...)...)
	equal(t, "stderr", printed.stderr, "")
	reader := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(printed.stdout)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return role, clusterRole
		}
		must(t, err)
		if len(bytes.TrimSpace(document)) == 0 {
			continue
		}
		switch object := got[runtime.Object](t)(decodeStrictly(document)).(type) {
		case *rbacv1.Role:
			equal(t, "the Role's namespace", object.Namespace, i.namespace)
			role = object
		case *rbacv1.ClusterRole:
			clusterRole = object
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
