package apply

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/dindctl/dindctl/internal/kube"
)

func entry(manager string, operation metav1.ManagedFieldsOperationType, version, subresource, fields string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{
		Manager: manager, Operation: operation, APIVersion: version, Subresource: subresource,
		FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(fields),
	}
}

// entries maps "manager operation version subresource" to fields.
func entries(list []metav1.ManagedFieldsEntry) map[string]any {
	found := map[string]any{}
	for _, e := range list {
		var fields map[string]any
		if err := json.Unmarshal(e.FieldsV1.GetRawBytes(), &fields); err != nil {
			panic(err)
		}
		found[strings.TrimSpace(e.Manager+" "+string(e.Operation)+" "+e.APIVersion+" "+e.Subresource)] = fields
	}
	return found
}

// dindctl becomes the only owner of the contents, regardless of who applied,
// created or edited them before. All other fields stay with their owners.
func TestAdoptedFields(t *testing.T) {
	const update, apply = metav1.ManagedFieldsOperationUpdate, metav1.ManagedFieldsOperationApply
	deployment := func(managed ...metav1.ManagedFieldsEntry) *appsv1.Deployment {
		return &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: "d", ManagedFields: managed},
			Spec: appsv1.DeploymentSpec{
				Replicas: new(int32(1)),
				Strategy: appsv1.DeploymentStrategy{Type: "RollingUpdate", RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: new(intstr.FromInt32(1))}},
				Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{
					Name: "docker", Env: []corev1.EnvVar{{Name: "A", Value: "b"}},
				}}}},
			},
		}
	}
	const contents = `"f:spec": {"f:replicas": {}, "f:strategy": {"f:type": {}, "f:rollingUpdate": {"f:maxSurge": {}}},
		"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"docker\"}": {".": {}, "f:name": {}, "f:env": {"k:{\"name\":\"A\"}": {".": {}, "f:name": {}, "f:value": {}}}}}}}}`
	ours := "{" + contents + "}"
	tests := []struct {
		name string
		live metav1.Object
		want map[string]string
	}{
		{"without managed fields", deployment(), map[string]string{"dindctl Apply apps/v1": ours}},
		{"kubectl apply", func() metav1.Object {
			d := deployment(
				entry("kubectl-client-side-apply", update, "apps/v1", "", `{"f:metadata":{"f:labels":{"f:team":{}}},"f:spec":{"f:replicas":{}}}`),
				entry("kube-controller-manager", update, "apps/v1", "status", `{"f:status":{"f:replicas":{}}}`))
			d.Annotations = map[string]string{lastApplied: "{}", "mine": "kept"}
			return d
		}(), map[string]string{
			"dindctl Apply apps/v1":                         `{"f:metadata":{"f:annotations":{"f:kubectl.kubernetes.io/last-applied-configuration":{}}},` + contents + "}",
			"kube-controller-manager Update apps/v1 status": `{"f:status":{"f:replicas":{}}}`,
		}},
		{"server-side apply, and edits", deployment(
			entry("kubectl", apply, "apps/v1", "", `{"f:spec":{"f:replicas":{}}}`),
			entry("kubectl-edit", update, "apps/v1", "", `{"f:spec":{"f:template":{}}}`),
			entry("kubectl-create", update, "apps/v1", "", `{"f:spec":{"f:template":{}}}`),
			entry("Terraform", update, "apps/v1", "", `{"f:metadata":{"f:labels":{"f:team":{}}},"f:spec":{"f:template":{}}}`),
		), map[string]string{
			"dindctl Apply apps/v1":    ours,
			"Terraform Update apps/v1": `{"f:metadata":{"f:labels":{"f:team":{}}}}`,
		}},
		{"Helm", func() metav1.Object {
			d := deployment(entry("helm", update, "apps/v1", "",
				`{"f:metadata":{"f:annotations":{".":{},"f:meta.helm.sh/release-name":{}},"f:labels":{"f:helm.sh/chart":{},"f:team":{}}},"f:spec":{}}`))
			d.Annotations = map[string]string{"meta.helm.sh/release-name": "dind"}
			d.Labels = map[string]string{"helm.sh/chart": "dind-1", "team": "ci"}
			return d
		}(), map[string]string{
			"dindctl Apply apps/v1": `{"f:metadata":{"f:annotations":{"f:meta.helm.sh/release-name":{}},"f:labels":{"f:helm.sh/chart":{}}},` + contents + "}",
			"helm Update apps/v1":   `{"f:metadata":{"f:labels":{"f:team":{}}}}`,
		}},
		{"an interrupted adoption", deployment(entry("dindctl", apply, "apps/v1", "", `{"f:spec":{"f:paused":{}}}`)),
			map[string]string{"dindctl Apply apps/v1": ours}},
		{"batch/v1beta1", &batchv1.CronJob{
			ObjectMeta: metav1.ObjectMeta{Name: "c", ManagedFields: []metav1.ManagedFieldsEntry{
				entry("kubectl-client-side-apply", update, "batch/v1beta1", "", `{"f:spec":{"f:schedule":{}}}`),
				entry("kube-controller-manager", update, "batch/v1beta1", "status", `{"f:status":{"f:lastScheduleTime":{}}}`),
			}},
			Spec: batchv1.CronJobSpec{Schedule: "0 0 * * 0"},
		}, map[string]string{
			"dindctl Apply batch/v1":                         `{"f:spec":{"f:schedule":{}}}`,
			"kube-controller-manager Update batch/v1 status": `{"f:status":{"f:lastScheduleTime":{}}}`,
		}},
		{"a Service keeps its address", &corev1.Service{Spec: corev1.ServiceSpec{
			ClusterIP: "10.0.0.1", ClusterIPs: []string{"10.0.0.1"}, Ports: []corev1.ServicePort{{Port: 2375, Protocol: "TCP", TargetPort: intstr.FromInt32(2375)}},
		}}, map[string]string{
			"dindctl Apply v1": `{"f:spec":{"f:ports":{"k:{\"port\":2375,\"protocol\":\"TCP\"}":{".":{},"f:port":{},"f:protocol":{},"f:targetPort":{}}}}}`,
		}},
		{"a Secret", &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{
				entry("kubectl-create", update, "v1", "", `{"f:data":{".":{},"f:a":{}},"f:immutable":{},"f:type":{}}`),
			}},
			Data: map[string][]byte{"a": {}}, Immutable: new(true), Type: "Opaque",
		}, map[string]string{
			"dindctl Apply v1":         `{"f:data":{"f:a":{}},"f:immutable":{}}`,
			"kubectl-create Update v1": `{"f:type":{}}`,
		}},
		{"a claim keeps its fields", &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{
				entry("kube-controller-manager", update, "v1", "", `{"f:spec":{"f:volumeName":{}}}`),
				entry("kubectl-client-side-apply", update, "v1", "", `{"f:spec":{"f:accessModes":{}}}`),
			}},
			Spec: corev1.PersistentVolumeClaimSpec{VolumeName: "v"},
		}, map[string]string{
			"dindctl Apply v1":                  `{}`,
			"kube-controller-manager Update v1": `{"f:spec":{"f:volumeName":{}}}`,
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := test.live.(runtime.Object).DeepCopyObject()
			managed, err := adoptedFields(test.live, kube.KindOf(kindOf(test.live)).Replaceable)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]any{}
			for name, fields := range test.want {
				want[name] = decode(t, fields)
			}
			got := entries(managed)
			dropEmpty(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(before, test.live.(runtime.Object)); diff != "" {
				t.Errorf("the live object was changed: %s", diff)
			}
		})
	}
}

// dropEmpty removes fields that are empty in a Go object without defaults, and never
// in an object of the API server: creationTimestamp, resources, selector.
func dropEmpty(fields map[string]any) {
	for key, value := range fields {
		switch key {
		case "f:creationTimestamp", "f:resources", "f:selector", "f:loadBalancer", "f:jobTemplate", "f:metadata":
			if inner, is := value.(map[string]any); !is || len(inner) == 0 || inner["f:creationTimestamp"] != nil || key == "f:jobTemplate" || key == "f:selector" {
				delete(fields, key)
				continue
			}
		}
		if inner, is := value.(map[string]any); is {
			dropEmpty(inner)
		}
	}
}
