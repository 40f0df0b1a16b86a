package lifecycle

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Only one node has the volume, and it takes no pod: status names the node.
func TestStatusNamesNodeOfVolume(t *testing.T) {
	const scheduler = "0/2 nodes are available"
	volume := func(nodes ...string) *corev1.PersistentVolume {
		return &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pv"}, Spec: corev1.PersistentVolumeSpec{
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: nodes}},
			}}}},
		}}
	}
	node := func(cordoned bool, ready corev1.ConditionStatus) *corev1.Node {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "worker"}, Spec: corev1.NodeSpec{Unschedulable: cordoned},
			Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready}}}}
	}
	tests := []struct {
		name    string
		exist   []runtime.Object
		refused string // a resource that this user may not get
		want    string // in the message and the hint
	}{
		{"cordoned", []runtime.Object{volume("worker"), node(true, corev1.ConditionTrue)}, "", "node worker is cordoned. kubectl uncordon worker"},
		{"lost", []runtime.Object{volume("worker"), node(true, corev1.ConditionUnknown)}, "", "node worker is not ready. kubectl describe node worker"},
		{"gone", []runtime.Object{volume("worker")}, "", `node "worker" does not exist`},
		{"full", []runtime.Object{volume("worker"), node(false, corev1.ConditionTrue)}, "", scheduler},
		{"one of two", []runtime.Object{volume("worker", "other"), node(true, corev1.ConditionTrue)}, "", scheduler},
		{"a volume of any node", []runtime.Object{&corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pv"}}}, "", scheduler},
		{"no rights to volumes", []runtime.Object{volume("worker"), node(true, corev1.ConditionTrue)}, "persistentvolumes", scheduler},
		{"no rights to nodes", []runtime.Object{volume("worker"), node(true, corev1.ConditionTrue)}, "nodes", scheduler},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := statusWorld(t)
			change(t, w, claims, "d-data", func(c *corev1.PersistentVolumeClaim) { c.Spec.VolumeName = "pv" })
			change(t, w, deployments, "d", func(d *appsv1.Deployment) { d.Status.AvailableReplicas = 0 })
			change(t, w, pods, "d-abc-1", func(p *corev1.Pod) {
				p.Spec.NodeName = ""
				p.Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{
					Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: scheduler,
				}}}
			})
			for _, object := range tt.exist {
				if err := w.Tracker().Add(object); err != nil {
					t.Fatal(err)
				}
			}
			if tt.refused != "" {
				refuse(w, "get", tt.refused)
			}
			status, err := w.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var said []string
			for _, problem := range status.Problems {
				said = append(said, problem.Message+" "+problem.Hint)
			}
			if !strings.Contains(strings.Join(said, "\n"), tt.want) {
				t.Errorf("said %q", said)
			}
		})
	}
}
