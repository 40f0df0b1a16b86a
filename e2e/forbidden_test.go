//go:build e2e

package e2e

import (
	"regexp"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
)

// Without a permission, the error names the verb and the resource, and no
// command hangs.
func TestForbidden(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest())
	for name, options := range map[string][]string{
		"install": i.installOptions(), "status": nil, "prune-now": nil, "uninstall": nil, "env": nil,
	} {
		r := dindctl(t, append(i.command(name, options...), "--as", "e2e-nobody", "--timeout", "60s")...).want(t, failed)
		r.says(t, `User "e2e-nobody" cannot `, ` resource "`, "ask an administrator")
	}
	// All permissions but one. Reading is not enough to open a port-forward,
	// which install needs to verify the daemon.
	allow(t, i.namespace, "e2e-operator", []rbacv1.PolicyRule{
		{APIGroups: []string{"", "apps", "batch", "networking.k8s.io", "discovery.k8s.io"}, Resources: []string{
			"persistentvolumeclaims", "configmaps", "services", "pods", "events", "deployments", "cronjobs", "jobs", "networkpolicies", "endpointslices",
		}, Verbs: []string{"*"}},
	})
	r := dindctl(t, append(i.command("install", i.installOptions()...), "--as", "e2e-operator", "--timeout", "60s")...)
	if r.code == done || !strings.Contains(r.stderr, "portforward") {
		t.Errorf("exit code %d without permission to open a port-forward:\n%s", r.code, r.stderr)
	}
	s := decode[status](t, dindctl(t, append(i.command("status", "-o", "json"), "--as", "e2e-operator")...))
	if s.Daemon != nil || s.Disk != nil || len(s.Problems) == 0 {
		t.Errorf("status without port-forward and exec: daemon %+v, disk %+v, problems %+v", s.Daemon, s.Disk, s.Problems)
	}
}

// Every command names the verb and the resource that its user may not use, in
// the API server's words.
func TestForbiddenDocuments(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest())
	options := []string{"--as", "e2e-nobody", "-o", "json"}
	for _, command := range connected() {
		if command == "check" {
			continue // reports it as checks
		}
		f := failureOf(t, dindctl(t, i.command(command, options...)...).want(t, failed))
		f.names(t, "Forbidden", `User "e2e-nobody" cannot `, ` resource "`, `in the namespace "`+i.namespace+`"`)
		contains(t, command+"'s hint", f.Hint, "permission")
	}

	// With read permissions only, the error names the first missing verb.
	allow(t, i.namespace, "e2e-reader", []rbacv1.PolicyRule{{
		APIGroups: []string{"", "apps", "batch", "networking.k8s.io"}, Resources: []string{"*"}, Verbs: []string{"get", "list", "watch"},
	}})
	options[1] = "e2e-reader"
	for command, words := range map[string][]string{
		"prune-now": {"cannot create resource", "jobs"},
		"uninstall": {"cannot delete resource"},
	} {
		r := dindctl(t, i.command(command, options...)...).want(t, failed)
		failureOf(t, r).names(t, "Forbidden", append(words, `User "e2e-reader"`)...)
	}
	changed := append(i.installOptions("--env", "E2E=changed", "--skip-preflight"), options...)
	failureOf(t, dindctl(t, i.command("install", changed...)...).want(t, failed)).names(t, "Forbidden", `User "e2e-reader" cannot patch resource "deployments"`)
	if s := statusOf(t, i); !s.Healthy {
		t.Errorf("after the refused commands: %+v", s.Problems)
	}
}

// permissionLine matches the reason for a missing permission: one verb, one
// resource.
var permissionLine = regexp.MustCompile(`^missing permission (get|list|watch|create|patch|delete) [a-z]+(\.[a-z0-9.]+)?(/[a-z]+)? in (namespace [a-z0-9-]+|the cluster)`)

// A user without any permission gets a line for each missing verb, with a hint
// how to request it. What check cannot see is unknown.
func TestCheckRestrictedUser(t *testing.T) {
	t.Parallel()
	i := inNewNamespace(t, nil)
	options := i.installOptions("--kubeconfig", kubeconfigOf(t, "restricted"))
	c := readCheck(t, dindctl(t, append(i.command("check", options...), "-o", "json")...).want(t, notReady))
	missing := map[string]string{}
	for _, one := range c.of("permissions") {
		line := permissionLine.FindString(one.Reason)
		if line == "" || missing[line] != "" {
			t.Errorf("not one verb on one resource, or repeated: %+v", one)
		}
		missing[line] = one.Verdict
		if one.Verdict == "failed" {
			contains(t, "hint", one.Hint, "dindctl check --print-role")
		}
	}
	where := " in namespace " + i.namespace
	for _, line := range []string{
		"missing permission create persistentvolumeclaims" + where, "missing permission patch deployments.apps" + where, "missing permission create pods/portforward" + where,
		"missing permission watch events" + where, "missing permission get cronjobs.batch" + where, "missing permission delete networkpolicies.networking.k8s.io" + where,
	} {
		if missing[line] != "failed" {
			t.Errorf("%q: %q", line, missing[line])
		}
	}
	// A permission that is optional for the commands is only a warning.
	if verdict := missing["missing permission create pods/exec"+where]; verdict != "warning" {
		t.Errorf("pods/exec: %q", verdict)
	}
	for _, line := range []string{"missing permission create namespaces in the cluster", "missing permission get nodes in the cluster"} {
		if missing[line] != "" {
			t.Errorf("%q is not needed with these options", line)
		}
	}
	c.says(t, "storage class", "unknown", "may not list StorageClasses")
	c.says(t, "pod admission", "unknown", "may not create pods")

	text := dindctl(t, i.command("check", options...)...).want(t, notReady)
	contains(t, "the text", text.stdout, "✗ permissions: missing permission create persistentvolumeclaims"+where+"\n")
}
