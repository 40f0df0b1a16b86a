//go:build e2e

package e2e

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// No check hangs. If the API server does not answer one check's request, only
// that check is unknown.
func TestCheckEndsWhenTheServerHangs(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		requests string
		hang     []string
		options  []string
	}{
		"cluster": {
			`^GET /version|^GET /apis/storage.k8s.io/v1/storageclasses(\?|$)`, []string{"API server", "storage class"}, nil,
		},
		"user and node": {
			`^POST /apis/authorization.k8s.io/|^POST /api/v1/namespaces/[^/]+/pods\?|^GET /api/v1/nodes/`,
			[]string{"permissions", "pod admission", "prune admission", "verify admission", "node"}, []string{"--local-path", "/var/lib/e2e", "--local-node", anyNode(t)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := inNewNamespace(t, nil)
			p := newInjector(t)
			p.set(rule{fault: stalled, request: regexp.MustCompile(test.requests)})
			options := append(i.installOptions(test.options...), "--kubeconfig", p.kubeconfig, "-o", "json")
			r := dindctl(t, i.command("check", options...)...).want(t, done)
			c := readCheck(t, r)
			for _, one := range c.Checks {
				switch {
				case slices.Contains(test.hang, one.Name):
					c.says(t, one.Name, "unknown", "no answer within 10s")
				case one.Verdict != "ok" && one.Name != "network policy":
					t.Errorf("this check is not affected, but: %+v", one)
				}
			}
			if r.took > 20*time.Second {
				t.Errorf("check took %s", r.took)
			}
		})
	}
	// --timeout limits the requests before the checks.
	t.Run("installed objects", func(t *testing.T) {
		t.Parallel()
		i := inNewNamespace(t, nil)
		p := newInjector(t)
		p.set(rule{fault: stalled, request: regexp.MustCompile(`^GET /apis/apps/v1/`)})
		for _, command := range []string{"check", "install", "status", "prune-now", "uninstall"} {
			options := []string{"--kubeconfig", p.kubeconfig, "--timeout", "3s", "-o", "json"}
			r := dindctl(t, i.command(command, options...)...).want(t, notReady)
			failureOf(t, r).names(t, "Timeout", "3s")
			if r.took > 10*time.Second {
				t.Errorf("%s took %s", command, r.took)
			}
		}
		equal(t, "objects", i.leftOver(t), nil)
	})
}

// check writes nothing. The audit log shows that it sends only reads, dry runs, and
// reviews of the user's own permissions.
func TestCheckWritesNothing(t *testing.T) {
	t.Parallel()
	i := inNewNamespace(t, nil)
	user := i.namespace + "-user"
	as := []string{"--as", user, "--as-group", "system:masters", "--local-path", "/var/lib/e2e", "--local-node", anyNode(t), "--create-namespace"}
	before := i.objects(t)
	i.checkOf(t, done, as...)
	equal(t, "objects", i.objects(t), before)
	if env.audit == "" {
		return
	}
	var reads, reviews, dryRuns int
	for _, request := range auditOf(t, user) {
		switch {
		case !strings.HasPrefix(request.UserAgent, "dindctl/"):
			t.Errorf("user agent %q", request.UserAgent)
		case slices.Contains([]string{"get", "list", "watch"}, request.Verb):
			reads++
		case strings.HasPrefix(request.RequestURI, "/apis/authorization.k8s.io/v1/selfsubject"):
			reviews++
		case request.Verb == "create" && strings.Contains(request.RequestURI, "dryRun=All"):
			dryRuns++
		default:
			t.Errorf("check sent %s %s", request.Verb, request.RequestURI)
		}
	}
	t.Logf("%d reads, %d reviews, %d dry runs", reads, reviews, dryRuns)
	if reads == 0 || reviews == 0 || dryRuns != 3 {
		t.Errorf("%d reads, %d reviews, %d dry runs: is this the cluster's audit log?", reads, reviews, dryRuns)
	}
}

// A node is tainted, and the hint proposes a toleration. The taint starts as
// PreferNoSchedule, which still admits other pods; NoSchedule is set only for
// the two seconds that the checks take. This test does not run in parallel with
// others.
func TestCheckTaintedNode(t *testing.T) {
	node := anyNode(t)
	i := inNewNamespace(t, nil)
	options := []string{"--local-path", "/var/lib/e2e", "--local-node", node}
	taint(t, node, corev1.TaintEffectPreferNoSchedule)
	i.checkOf(t, done, options...).says(t, "node", "ok")
	taint(t, node, corev1.TaintEffectNoSchedule)
	one := i.checkOf(t, notReady, options...).says(t, "node", "failed", "node "+node, "e2e.dindctl.test/for=ci:NoSchedule")
	_, proposed, _ := strings.Cut(one.Hint, "--toleration ")
	proposed = strings.TrimSuffix(proposed, ".")
	equal(t, "the toleration that the hint proposes", proposed, "e2e.dindctl.test/for=ci:NoSchedule")
	i.checkOf(t, done, append(options, "--toleration", proposed)...).says(t, "node", "ok")
	i.checkOf(t, done, append(options, "--toleration", "e2e.dindctl.test/for")...).says(t, "node", "ok")
	i.checkOf(t, notReady, append(options, "--toleration", "e2e.dindctl.test/for=cd")...).says(t, "node", "failed")
	taint(t, node, "")
}

// taint gives the node one taint with this effect, or removes it if the effect
// is empty.
func taint(t *testing.T, node string, effect corev1.TaintEffect) {
	t.Helper()
	set := func(ctx context.Context, taints string) error {
		_, err := env.cluster.CoreV1().Nodes().Patch(ctx, node, types.MergePatchType, []byte(`{"spec":{"taints":`+taints+`}}`), metav1.PatchOptions{})
		return err
	}
	if effect == "" {
		must(t, set(t.Context(), "null"))
		return
	}
	t.Cleanup(func() {
		// The test's own context has ended by now.
		if err := set(context.Background(), "null"); err != nil {
			t.Errorf("node %s is still tainted: %v", node, err)
		}
	})
	must(t, set(t.Context(), `[{"key":"e2e.dindctl.test/for","value":"ci","effect":"`+string(effect)+`"}]`))
}
