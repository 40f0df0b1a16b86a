package kube

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

func TestJobEnd(t *testing.T) {
	condition := func(kind batchv1.JobConditionType, status corev1.ConditionStatus) batchv1.JobCondition {
		return batchv1.JobCondition{Type: kind, Status: status}
	}
	tests := []struct {
		name       string
		conditions []batchv1.JobCondition
		want       batchv1.JobConditionType
	}{
		{"no conditions", nil, ""},
		{"complete", []batchv1.JobCondition{condition(batchv1.JobSuccessCriteriaMet, corev1.ConditionTrue), condition(batchv1.JobComplete, corev1.ConditionTrue)}, batchv1.JobComplete},
		{"failed", []batchv1.JobCondition{condition(batchv1.JobFailureTarget, corev1.ConditionTrue), condition(batchv1.JobFailed, corev1.ConditionTrue)}, batchv1.JobFailed},
		{"not failed", []batchv1.JobCondition{condition(batchv1.JobFailed, corev1.ConditionFalse)}, ""},
		{"suspended", []batchv1.JobCondition{condition(batchv1.JobSuspended, corev1.ConditionTrue)}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got batchv1.JobConditionType
			if end := JobEnd(&batchv1.Job{Status: batchv1.JobStatus{Conditions: test.conditions}}); end != nil {
				got = end.Type
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
