package rollout

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestRefusal(t *testing.T) {
	tests := []struct {
		message, reason string
		hint            string // a part of it
	}{
		{`pods "d-x" is forbidden: violates PodSecurity "baseline:latest": privileged (container "d" must not set securityContext.privileged=true)`,
			"PodSecurity", "kubectl label namespace ci pod-security.kubernetes.io/enforce=privileged --overwrite"},
		{`pods "d-x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1`, "QuotaExceeded", "--memory-limit"},
		{`pods "d-x" is forbidden: failed quota: q: must specify limits.cpu for: d`, "QuotaExceeded", "--cpu-limit"},
		{`persistentvolumeclaims "d-data" is forbidden: exceeded quota: q, requested: requests.storage=50Gi, used: requests.storage=0, limited: requests.storage=10Gi`,
			"QuotaExceeded", "--storage-size"},
		{`persistentvolumeclaims "d-data" is forbidden: maximum storage usage per PersistentVolumeClaim is 10Gi, but request is 50Gi`,
			"LimitRange", "--storage-size"},
		{`pods "d-x" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi`, "LimitRange", "--memory-request"},
		{`pods "d-x" is forbidden: maximum cpu usage per Pod is 1, but limit is 2`, "LimitRange", "--cpu-limit"},
		{`pods "d-x" is forbidden: memory max limit to request ratio per Thing is 2, but provided ratio is 4`, "LimitRange", "--memory-limit"},
		{`Pod "d-x" is invalid: spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1`, "LimitRange", "--cpu-request"},
		{`pods "d-x" is forbidden: no PriorityClass with name high was found`, "PriorityClassMissing", "--priority-class"},
		{`admission webhook "validate.kyverno.svc-fail" denied the request: no privileged pods`, "AdmissionDenied", "policy that the message names"},
		{`pods "d-x" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no`, "AdmissionDenied", "policy that the message names"},
		{`pods "d-x" is forbidden: error looking up service account ci/d: serviceaccount "d" not found`, "FailedCreate", "what refuses the pod"},
		{"", "FailedCreate", "what refuses the pod"},
	}
	for _, test := range tests {
		t.Run(test.message, func(t *testing.T) {
			reason, hint := Refusal("ci", test.message)
			if reason != test.reason || !strings.Contains(hint, test.hint) {
				t.Errorf("got %q, %q\nwant %q, …%s…", reason, hint, test.reason, test.hint)
			}
		})
	}
}

func refusedAt(second int64, status corev1.ConditionStatus) *appsv1.Deployment {
	d := healthy().Deployment
	d.Status.Conditions = []appsv1.DeploymentCondition{
		{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, LastUpdateTime: metav1.Unix(1, 0)},
		{Type: appsv1.DeploymentReplicaFailure, Status: status, Message: "exceeded quota", LastUpdateTime: metav1.Unix(second, 0)},
	}
	return d
}

func TestEarlierRefusal(t *testing.T) {
	tests := []struct {
		name   string
		before *appsv1.Deployment
		want   *metav1.Time
	}{
		{"no Deployment", nil, nil},
		{"never refused", healthy().Deployment, nil},
		{"refused", refusedAt(1000, corev1.ConditionTrue), new(metav1.Unix(1000, 0))},
		{"refused, then admitted", refusedAt(1000, corev1.ConditionFalse), nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := EarlierRefusal(test.before)
			if (got == nil) != (test.want == nil) || !got.Equal(test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
	t.Run("a copy", func(t *testing.T) {
		before := refusedAt(1000, corev1.ConditionTrue)
		got := EarlierRefusal(before)
		before.Status.Conditions[1].LastUpdateTime = metav1.Unix(2000, 0)
		if !got.Time.Equal(time.Unix(1000, 0)) {
			t.Errorf("changes with the Deployment: %v", got)
		}
	})
}

// A refusal is final unless it is older than the rollout.
func TestRefusalIsFinal(t *testing.T) {
	tests := []struct {
		name    string
		earlier *metav1.Time
		now     int64
		final   bool
	}{
		{"none before", nil, 1000, true},
		{"the same as before", new(metav1.Unix(1000, 0)), 1000, false},
		{"refused again", new(metav1.Unix(1000, 0)), 1001, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cause := Compute(State{Deployment: refusedAt(test.now, corev1.ConditionTrue), EarlierRefusal: test.earlier}).Cause
			if cause == nil || cause.Reason != "QuotaExceeded" || cause.Final != test.final {
				t.Errorf("got %+v, want final: %v", cause, test.final)
			}
		})
	}
}
