//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// installed is `dindctl install -o json`.
type installed struct {
	Objects []struct {
		Kind   string `json:"kind"`
		Name   string `json:"name"`
		Change string `json:"change"`
		Fields []struct {
			Path     string `json:"path"`
			From, To any
		} `json:"fields"`
		Foreign []string `json:"foreign"`
	} `json:"objects"`
	DryRun          string            `json:"dryRun"`
	DockerHost      string            `json:"dockerHost"`
	Variables       map[string]string `json:"variables"`
	Daemon          map[string]any    `json:"daemon"`
	DurationSeconds float64           `json:"durationSeconds"`
}

// changes gives what was done to the objects, each kind of change once.
func (r installed) changes() []string {
	var changes []string
	for _, object := range r.Objects {
		changes = append(changes, object.Change)
	}
	slices.Sort(changes)
	return slices.Compact(changes)
}

// changesByName gives what was done to each object.
func (r installed) changesByName() map[string]string {
	changes := map[string]string{}
	for _, object := range r.Objects {
		changes[object.Kind+" "+object.Name] = object.Change
	}
	return changes
}

// fields are all changed fields with their values: "Deployment spec.replicas: 3 → 1".
func (r installed) fields(t *testing.T) []string {
	t.Helper()
	var fields []string
	for _, object := range r.Objects {
		for _, field := range object.Fields {
			from, to := got[[]byte](t)(json.Marshal(field.From)), got[[]byte](t)(json.Marshal(field.To))
			fields = append(fields, object.Kind+" "+field.Path+": "+string(from)+" → "+string(to))
		}
	}
	slices.Sort(fields)
	return fields
}

// The same install again: every object unchanged, no pod restarted, nothing
// written.
func TestSecondInstallChangesNothing(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest())
	i.settle(t)
	objects, pod := i.objects(t), i.pod(t)
	writesBefore := i.writes(t)

	r := succeed(t, i.command("install", i.installOptions("-o", "json")...)...)
	again := decode[installed](t, r)
	equal(t, "changes", again.changes(), []string{"unchanged"})
	equal(t, "number of objects", len(again.Objects), 6)
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

// settle waits until the controllers have written down that the rollout is
// over, which they do some time after the pod is ready.
func (i *installation) settle(t *testing.T) {
	t.Helper()
	eventually(t, "the rollout's end in the Deployment's status", func(ctx context.Context) (bool, error) {
		d, err := env.cluster.AppsV1().Deployments(i.namespace).Get(ctx, i.name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		return slices.ContainsFunc(d.Status.Conditions, func(c appsv1.DeploymentCondition) bool {
			return c.Type == appsv1.DeploymentProgressing && c.Reason == "NewReplicaSetAvailable"
		}), nil
	})
}

// writes are the requests of dindctl in the namespace that changed something,
// from the API server's audit log; none where there is no such log. Opening a
// port-forward or an exec is no change.
func (i *installation) writes(t *testing.T) []string {
	t.Helper()
	if env.audit == "" {
		return nil
	}
	file := got[*os.File](t)(os.Open(env.audit))
	defer file.Close()
	var writes []string
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if !strings.Contains(lines.Text(), i.namespace) {
			continue
		}
		var event struct {
			Verb, RequestURI, UserAgent string
			ObjectRef                   struct{ Namespace, Resource, Subresource string }
		}
		must(t, json.Unmarshal(lines.Bytes(), &event))
		if event.ObjectRef.Namespace == i.namespace && strings.HasPrefix(event.UserAgent, "dindctl/") &&
			slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, event.Verb) &&
			event.ObjectRef.Subresource != "portforward" && event.ObjectRef.Subresource != "exec" {
			writes = append(writes, event.Verb+" "+event.RequestURI)
		}
	}
	must(t, lines.Err())
	if len(writes) == 0 {
		t.Error("the audit log does not even have the first install: is it this cluster's?")
	}
	return writes
}
