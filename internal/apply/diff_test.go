package apply

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const podBefore = `{
  "apiVersion": "apps/v1", "kind": "Deployment", "status": {"replicas": 3},
  "metadata": {"name": "x", "resourceVersion": "1", "labels": {"app": "x", "team": "ci"},
    "annotations": {"deployment.kubernetes.io/revision": "1", "kubectl.kubernetes.io/last-applied-configuration": "{}"}},
  "spec": {"replicas": 3, "paused": false, "template": {"spec": {
    "containers": [
      {"name": "d", "image": "docker:26", "args": ["--a"], "env": [{"name": "A", "value": "old secret"}, {"name": "B", "value": "gone"}],
       "ports": [{"containerPort": 2375}, {"containerPort": 9323, "protocol": "TCP"}],
       "volumeMounts": [{"mountPath": "/data", "name": "v"}]},
      {"name": "old", "image": "o", "env": [{"name": "C", "value": "secret"}]}
    ],
    "volumes": [{"name": "v", "emptyDir": {}}]}}}
}`

const podAfter = `{
  "metadata": {"name": "x", "resourceVersion": "2", "labels": {"app": "x", "managed": "us"}},
  "spec": {"replicas": 1, "template": {"spec": {
    "containers": [
      {"name": "d", "image": "docker:29", "args": ["--b"], "env": [{"name": "A", "value": "new secret"}],
       "ports": [{"containerPort": 2375, "protocol": "TCP", "name": "p"}],
       "volumeMounts": [{"mountPath": "/data", "name": "v", "readOnly": true}, {"mountPath": "/etc", "name": "c"}]}
    ],
    "volumes": [{"name": "v", "emptyDir": {}}, {"name": "c", "configMap": {"name": "x"}}]}}}
}`

// Each field has a line, regardless of the order of lists. Fields that the server
// sets are omitted, and values of variables are hidden.
func TestDifferences(t *testing.T) {
	const d = "spec.template.spec.containers[name=d]"
	want := []FieldChange{
		{"metadata.labels.managed", nil, "us"},
		{"metadata.labels.team", "ci", nil},
		{"spec.replicas", float64(3), float64(1)},
		{d + ".args", []any{"--a"}, []any{"--b"}},
		{d + ".env[name=A].value", hidden, hidden},
		{d + ".env[name=B]", map[string]any{"name": "B", "value": hidden}, nil},
		{d + ".image", "docker:26", "docker:29"},
		{d + ".ports[containerPort=2375,protocol=TCP].name", nil, "p"},
		{d + ".ports[containerPort=2375,protocol=TCP].protocol", nil, "TCP"},
		{d + ".ports[containerPort=9323,protocol=TCP]", map[string]any{"containerPort": float64(9323), "protocol": "TCP"}, nil},
		{d + ".volumeMounts[mountPath=/data].readOnly", nil, true},
		{d + ".volumeMounts[mountPath=/etc]", nil, map[string]any{"mountPath": "/etc", "name": "c"}},
		{"spec.template.spec.containers[name=old]", map[string]any{"name": "old", "image": "o",
			"env": []any{map[string]any{"name": "C", "value": hidden}}}, nil},
		{"spec.template.spec.volumes[name=c]", nil, map[string]any{"name": "c", "configMap": map[string]any{"name": "x"}}},
	}
	if diff := cmp.Diff(want, differences(decode(t, podBefore), decode(t, podAfter))); diff != "" {
		t.Error(diff)
	}
	if changes := differences(decode(t, podBefore), decode(t, podBefore)); len(changes) > 0 {
		t.Errorf("without a difference: %v", changes)
	}
}

func TestUnmanaged(t *testing.T) {
	const d = "spec.template.spec.containers[name=d]"
	want := []string{
		d + ".env[name=B]", d + ".ports[containerPort=9323,protocol=TCP]", "spec.template.spec.containers[name=old]",
	}
	if diff := cmp.Diff(want, unmanaged(decode(t, podBefore), decode(t, podAfter))); diff != "" {
		t.Error(diff)
	}
	if found := unmanaged(decode(t, podAfter), decode(t, podAfter)); found != nil {
		t.Errorf("without a difference: %q", found)
	}
}
