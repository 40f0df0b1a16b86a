//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// The same install again changes no object, restarts no pod, and writes
// nothing.
func TestSecondInstallChangesNothing(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest())
	i.settle(t)
	objects, pod := i.objects(t), i.pod(t)
	writesBefore := i.writes(t)

	r := succeed(t, i.command("install", i.installOptions("-o", "json")...)...)
	again := decode[installed](t, r)
	equal(t, "changes", again.changes(), []string{"unchanged"})
	equal(t, "number of objects", len(again.Objects), 7)
	equal(t, "variables", again.Variables, i.variables)
	equal(t, "dockerHost", again.DockerHost, i.variables["DOCKER_HOST"])
	if again.Daemon["version"] == "" || again.DurationSeconds <= 0 {
		t.Errorf("no daemon or no duration:\n%s", r.stdout)
	}
	equal(t, "objects", i.objects(t), objects)
	equal(t, "pod", i.pod(t).UID, pod.UID)
	equal(t, "restarts", i.pod(t).Status.ContainerStatuses[0].RestartCount, pod.Status.ContainerStatuses[0].RestartCount)
	if diff := cmp.Diff(writesBefore, i.writes(t)); diff != "" {
		t.Errorf("the second install wrote something (-before +after):\n%s", diff)
	}
}

// install reverts manual changes and lists them field by field. --dry-run
// server lists the same fields before. Fields that others added are reported
// and kept.
func TestDriftIsReportedAndReverted(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest())
	i.settle(t)
	claim := i.claim(t)

	i.drift(t)
	before := i.objects(t)
	want := []string{
		`Deployment spec.replicas: 0 → 1`,
		`Deployment spec.template.spec.containers[name=docker-dind].image: "docker:26.1.5-dind" → "` + i.image + `"`,
		`Deployment spec.template.spec.containers[name=docker-dind].readinessProbe: null → `,
		`Service spec.ports[port=2375,protocol=TCP].targetPort: 9999 → "daemon-port"`,
		`ConfigMap data.daemon.json: "(not shown)" → "(not shown)"`,
	}
	const sidecar = "spec.template.spec.containers[name=sidecar]"
	changes := map[string]string{
		"PersistentVolumeClaim docker-dind-data": "unchanged", "ConfigMap docker-dind-config": "configured", "Deployment docker-dind": "configured",
		"Service docker-dind": "configured", "Service docker-dind-pods": "unchanged", "CronJob docker-dind-clear-cache": "unchanged", "NetworkPolicy docker-dind": "created",
	}

	preview := decode[installed](t, succeed(t, i.command("install", i.installOptions("--dry-run", "-o", "json")...)...))
	equal(t, "dryRun", preview.DryRun, "server")
	equal(t, "changes in the dry run", preview.changesByName(), changes)
	checkFields(t, preview.fields(t), want)
	text := succeed(t, i.command("install", i.installOptions("--dry-run=server")...)...)
	for _, line := range []string{"+ networkpolicy/docker-dind\n", "~ deployment/docker-dind\n", "    spec.replicas: 0 → 1\n", "  cronjob/docker-dind-clear-cache\n"} {
		if !strings.Contains(text.stdout, line) {
			t.Errorf("the text does not have %q:\n%s", line, text.stdout)
		}
	}
	text.says(t, sidecar)
	equal(t, "objects after the dry run", i.objects(t), before)

	r := succeed(t, i.command("install", i.installOptions("-o", "json")...)...)
	repaired := decode[installed](t, r)
	equal(t, "changes", repaired.changesByName(), changes)
	equal(t, "fields", repaired.fields(t), preview.fields(t))
	r.says(t, "deployment/docker-dind spec.replicas: 0 → 1", "service/docker-dind spec.ports[port=2375,protocol=TCP].targetPort: 9999 → daemon-port", sidecar)
	for _, object := range repaired.Objects {
		if object.Kind == "Deployment" {
			equal(t, "unmanaged fields", object.Unmanaged, []string{sidecar})
		}
	}
	equal(t, "claim", i.claim(t).UID, claim.UID)
	again := decode[installed](t, succeed(t, i.command("install", i.installOptions("-o", "json")...)...))
	equal(t, "changes of the second install", again.changes(), []string{"unchanged"})
	i.variables = again.Variables
	i.job(t, "docker version").want(t)
}

// drift makes manual changes to the objects.
func (i *installation) drift(t *testing.T) {
	t.Helper()
	options := metav1.PatchOptions{FieldManager: "kubectl-edit"}
	patch := []byte(`[
		{"op": "replace", "path": "/spec/replicas", "value": 0},
		{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "docker:26.1.5-dind"},
		{"op": "remove", "path": "/spec/template/spec/containers/0/readinessProbe"},
		{"op": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "sidecar", "image": "` + baseImage + `", "command": ["sh", "-c", "trap exit TERM; sleep 86400 & wait"]}}
	]`)
	_, err := env.cluster.AppsV1().Deployments(i.namespace).Patch(t.Context(), i.name, types.JSONPatchType, patch, options)
	must(t, err)
	i.awaitNoPods(t)
	core := env.cluster.CoreV1()
	_, err = core.Services(i.namespace).Patch(t.Context(), i.name, types.JSONPatchType,
		[]byte(`[{"op": "replace", "path": "/spec/ports/0/targetPort", "value": 9999}]`), options)
	must(t, err)
	_, err = core.ConfigMaps(i.namespace).Patch(t.Context(), i.name+"-config", types.MergePatchType, []byte(`{"data": {"daemon.json": "{}"}}`), options)
	must(t, err)
	must(t, env.cluster.NetworkingV1().NetworkPolicies(i.namespace).Delete(t.Context(), i.name, metav1.DeleteOptions{}))
}

// checkFields checks that got has a field with each of the prefixes in want,
// and no other field.
func checkFields(t *testing.T, got, want []string) {
	t.Helper()
	for _, field := range want {
		if !slices.ContainsFunc(got, func(have string) bool { return strings.HasPrefix(have, field) }) {
			t.Errorf("missing: %s", field)
		}
	}
	for _, have := range got {
		covered := slices.ContainsFunc(want, func(field string) bool { return strings.HasPrefix(have, field) })
		if !covered && !strings.Contains(have, "Probe") {
			t.Errorf("unexpected: %s", have)
		}
	}
}
