package apply

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

func TestKept(t *testing.T) {
	const live = `{"spec": {
		"replicas": 1, "minReadySeconds": 5, "paused": false,
		"template": {
			"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}},
			"spec": {"nodeName": "n", "serviceAccountName": "root", "dnsPolicy": "ClusterFirst", "affinity": {"nodeAffinity": {"x": 1}},
				"containers": [{"name": "d"}, {"name": "mine"}]}}}}`
	const want = `{"spec": {"replicas": 1, "paused": false, "template": {"spec": {"hostNetwork": false, "containers": [{"name": "d"}]}}}}`
	entry := func(manager, subresource, fields string) metav1.ManagedFieldsEntry {
		e := metav1.ManagedFieldsEntry{Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, Subresource: subresource, FieldsV1: &metav1.FieldsV1{}}
		e.FieldsV1.SetRawBytes([]byte(fields))
		return e
	}
	own := entry(kube.FieldManager, "", `{"f:spec": {"f:replicas": {}, "f:minReadySeconds": {}}}`)
	own.Operation = metav1.ManagedFieldsOperationApply
	const edited = `{"f:spec": {"f:template": {"f:spec": {"f:nodeName": {}, "f:affinity": {".": {}, "f:nodeAffinity": {}}, "f:containers": {"k:{\"name\":\"mine\"}": {".": {}}}}}}}`
	for _, test := range []struct {
		name    string
		managed []metav1.ManagedFieldsEntry
		want    []string
	}{
		{"nobody else", []metav1.ManagedFieldsEntry{own}, nil},
		{"edited by hand", []metav1.ManagedFieldsEntry{own, entry("kubectl-edit", "", edited), entry("kubectl-edit", "", edited)},
			[]string{"spec.template.spec.affinity, set by kubectl-edit", "spec.template.spec.nodeName, set by kubectl-edit"}},
		{"two managers", []metav1.ManagedFieldsEntry{entry("b", "", `{"f:spec": {"f:minReadySeconds": {}}}`), entry("a", "", `{"f:spec": {"f:template": {"f:spec": {"f:serviceAccountName": {}}}}}`)},
			[]string{"spec.minReadySeconds, set by b", "spec.template.spec.serviceAccountName, set by a"}},
		{"a value that dindctl sets", []metav1.ManagedFieldsEntry{entry("kubectl", "", `{"f:spec": {"f:replicas": {}, "f:paused": {}}}`)}, nil},
		{"an annotation of the pod", []metav1.ManagedFieldsEntry{entry("kubectl-rollout", "", `{"f:spec": {"f:template": {"f:metadata": {"f:annotations": {"f:kubectl.kubernetes.io/restartedAt": {}}}}}}`)}, nil},
		{"an empty value", []metav1.ManagedFieldsEntry{entry("kubectl", "", `{"f:spec": {"f:template": {"f:spec": {"f:hostPID": {}}}}}`)}, nil},
		{"a controller", []metav1.ManagedFieldsEntry{entry("kube-controller-manager", "", `{"f:spec": {"f:minReadySeconds": {}}}`), entry("hpa", "scale", `{"f:spec": {"f:minReadySeconds": {}}}`)}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := kept(decode(t, live), decode(t, want), test.managed)
			if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}
