//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// check names any single missing permission, including those for a local volume
// and for a new namespace.
func TestCheckNamesEachPermission(t *testing.T) {
	t.Parallel()
	i := inNewNamespace(t, nil)
	options := i.installOptions("--create-namespace", "--local-path", "/srv/dindctl", "--local-node", "nowhere")
	permissions := permissionsIn(i.printedRoles(t, options...))
	users := make([]string, len(permissions))
	for n, r := range permissions {
		users[n] = i.account(t, fmt.Sprintf("without-%d", n), permissions, r)
	}
	var checking sync.WaitGroup
	atOnce := make(chan struct{}, 3)
	for n, r := range permissions {
		checking.Go(func() {
			atOnce <- struct{}{}
			defer func() { <-atOnce }()
			c := prepare(t, nil, append(i.command("check", options...), "-o", "json", "--as", users[n])...).start(t).wait(t)
			results := decode[checked](t, c).of("permissions")
			if len(results) != 1 || !strings.HasPrefix(results[0].Reason, "missing permission "+r.verb+" "+qualified(r)+" in ") {
				t.Errorf("without %s, check reports: %+v", r, results)
			}
		})
	}
	checking.Wait()
	t.Logf("%d permissions, each named when missing", len(permissions))
}

// Without the preflight, the commands themselves name the missing permission,
// or what they cannot do without it.
func TestCommandsNameEachPermission(t *testing.T) {
	t.Parallel()
	sample := []string{"get services", "patch deployments", "watch pods", "create jobs", "list endpointslices", "create pods/portforward"}
	i := inNewNamespace(t, nil)
	all := permissionsIn(i.printedRoles(t, i.installOptions()...))
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
			var named []string
			for _, command := range [][]string{
				i.command("install", i.installOptions("--skip-preflight", "--timeout", "1m")...), i.command("status"), i.command("prune-now", "-v"), i.command("verify"),
				i.command("env"), i.command("install", i.installOptions("--skip-preflight", "--env", "E2E=1", "--timeout", "1m")...), i.command("check", i.installOptions()...),
				i.command("uninstall", "--delete-data", "--yes"),
			} {
				outcome := prepare(t, nil, append(command, "--as", user)...).start(t).wait(t)
				if outcome.code == done && strings.Contains(outcome.stderr, "error") {
					t.Errorf("%q ends with 0 and prints %s", command, outcome.stderr)
				}
				if command[0] != "check" && names(outcome.stdout+outcome.stderr, r) {
					named = append(named, command[0])
				}
			}
			if len(named) == 0 {
				t.Errorf("no command but check names the missing permission %s", r)
			}
			t.Logf("without %s: named by %v", r, named)
		})
	}
}

// rare holds permissions that only the preflight or a life with failures, as in
// TestLeastPrivilege, uses.
var rare = map[string]bool{
	"list storageclasses": true, "create pods": true, // only for the preflight
	"get jobs": true, "delete jobs": true, // a Job without a CronJob
	"watch configmaps": true, "watch services": true, "watch networkpolicies": true, // objects with a finalizer
	"list events":          true, // after a failure
	"watch endpointslices": true, // see seldom
	"get pods/portforward": true, // without it, an older protocol is used
}

// names reports whether a text names the permission, in the API server's words
// or in dindctl's.
func names(text string, r permission) bool {
	return strings.Contains(text, fmt.Sprintf("cannot %s resource %q", r.verb, r.resource)) ||
		strings.Contains(text, "permission to "+r.verb+" "+qualified(r)) || strings.Contains(text, "missing permission "+r.verb+" "+qualified(r))
}
