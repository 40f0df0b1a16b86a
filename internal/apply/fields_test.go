package apply

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

// ownedFields is what the API server records after applying base.
const ownedFields = `{
  "f:metadata": {"f:labels": {"f:app": {}}},
  "f:spec": {
    "f:replicas": {},
    "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"d\"}": {
      ".": {}, "f:name": {}, "f:image": {}, "f:args": {},
      "f:env": {"k:{\"name\":\"EMPTY\"}": {".": {}, "f:name": {}, "f:value": {}}},
      "f:ports": {"k:{\"containerPort\":2375,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}, "f:protocol": {}}}
    }}}}
  }
}`

const base = `{
  "apiVersion": "apps/v1", "kind": "Deployment",
  "metadata": {"name": "x", "namespace": "ns", "labels": {"app": "x"}},
  "spec": {"replicas": 1, "template": {"spec": {"containers": [
    {"name": "d", "image": "docker:29", "args": ["--a"],
     "env": [{"name": "EMPTY", "value": ""}],
     "ports": [{"containerPort": 2375, "protocol": "TCP"}]}
  ]}}}
}`

// stored is base as the server returns it: with defaults, without empty values.
const stored = `{
  "metadata": {"name": "x", "namespace": "ns", "uid": "u", "labels": {"app": "x", "theirs": "y"}},
  "spec": {"replicas": 1, "paused": false, "template": {"spec": {"dnsPolicy": "ClusterFirst", "containers": [
    {"name": "sidecar", "image": "s"},
    {"name": "d", "image": "docker:29", "args": ["--a"], "imagePullPolicy": "IfNotPresent",
     "env": [{"name": "EMPTY"}],
     "ports": [{"containerPort": 2375, "protocol": "TCP"}]}
  ]}}}
}`

func TestChangedFields(t *testing.T) {
	tests := []struct {
		name  string
		edit  func(live, want map[string]any)
		owned string
		want  []FieldChange
	}{
		{name: "as applied"},
		{
			name: "a value changed by hand",
			edit: func(live, _ map[string]any) { at(live, "spec")["replicas"] = float64(3) },
			want: []FieldChange{{"spec.replicas", float64(3), float64(1)}},
		},
		{
			name: "another value wanted",
			edit: func(_, want map[string]any) { container(want)["image"] = "docker:30" },
			want: []FieldChange{{"spec.template.spec.containers[name=d].image", "docker:29", "docker:30"}},
		},
		{
			name: "an atomic list",
			edit: func(_, want map[string]any) { container(want)["args"] = []any{"--a", "--b"} },
			want: []FieldChange{{"spec.template.spec.containers[name=d].args", []any{"--a"}, []any{"--a", "--b"}}},
		},
		{
			name: "a new field",
			edit: func(_, want map[string]any) { at(want, "spec")["paused"] = true },
			want: []FieldChange{{"spec.paused", false, true}},
		},
		{
			name: "a field that is not owned, though it has the value",
			edit: func(_, want map[string]any) { at(want, "metadata", "labels")["theirs"] = "y" },
			want: []FieldChange{{"metadata.labels.theirs", "y", "y"}},
		},
		{
			name: "a field no longer wanted",
			edit: func(_, want map[string]any) { delete(container(want), "args") },
			want: []FieldChange{{"spec.template.spec.containers[name=d].args", []any{"--a"}, nil}},
		},
		{
			name: "a list item no longer wanted",
			edit: func(_, want map[string]any) { container(want)["env"] = []any{} },
			want: []FieldChange{{"spec.template.spec.containers[name=d].env[name=EMPTY]", map[string]any{"name": "EMPTY"}, nil}},
		},
		{
			name: "a list item more",
			edit: func(_, want map[string]any) {
				container(want)["env"] = append(container(want)["env"].([]any), map[string]any{"name": "NEW", "value": "1"})
			},
			want: []FieldChange{{"spec.template.spec.containers[name=d].env[name=NEW]", nil, map[string]any{"name": "NEW", "value": "1"}}},
		},
		{
			name: "a part of the object no longer wanted",
			edit: func(_, want map[string]any) { delete(want, "spec") },
			want: []FieldChange{{"spec", decode(t, stored)["spec"], nil}},
		},
		{
			name: "a list item that somebody removed",
			edit: func(live, _ map[string]any) {
				at(live, "spec", "template", "spec")["containers"] = []any{map[string]any{"name": "sidecar"}}
			},
			want: []FieldChange{
				{"spec.template.spec.containers[name=d].args", nil, []any{"--a"}},
				{"spec.template.spec.containers[name=d].env[name=EMPTY].name", nil, "EMPTY"},
				{"spec.template.spec.containers[name=d].image", nil, "docker:29"},
				{"spec.template.spec.containers[name=d].name", nil, "d"},
				{"spec.template.spec.containers[name=d].ports[containerPort=2375,protocol=TCP].containerPort", nil, float64(2375)},
				{"spec.template.spec.containers[name=d].ports[containerPort=2375,protocol=TCP].protocol", nil, "TCP"},
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			live, want := decode(t, stored), decode(t, base)
			if test.edit != nil {
				test.edit(live, want)
			}
			managed := []metav1.ManagedFieldsEntry{
				{Manager: "kubectl-edit", Operation: metav1.ManagedFieldsOperationUpdate, FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:paused":{}}}`)},
				{Manager: kube.FieldManager, Operation: metav1.ManagedFieldsOperationApply, FieldsV1: metav1.NewFieldsV1(ownedFields)},
			}
			got, err := changedFields(live, want, managed)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestChangedFieldsOfAnObjectNeverApplied(t *testing.T) {
	got, err := changedFields(decode(t, stored), decode(t, base), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) == 0 {
		t.Error("no changes for an object whose fields have other managers")
	}
}

func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

func at(fields map[string]any, path ...string) map[string]any {
	for _, name := range path {
		fields = fields[name].(map[string]any)
	}
	return fields
}

func container(fields map[string]any) map[string]any {
	list := at(fields, "spec", "template", "spec")["containers"].([]any)
	return list[len(list)-1].(map[string]any)
}
