package rollout

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestRefusalOf(t *testing.T) {
	const final, passes = false, true
	tests := []struct {
		message, reason string
		hint            string // a part of it
		passes          bool
	}{
		{`pods "d-x" is forbidden: violates PodSecurity "baseline:latest": privileged (container "d" must not set securityContext.privileged=true)`,
			"PodSecurity", "kubectl label namespace ci pod-security.kubernetes.io/enforce=privileged --overwrite", final},
		{`pods "docker-dind-" is forbidden: unable to validate against any security context constraint: [provider "restricted": .containers[0].privileged: Invalid value: true]`,
			"SecurityContextConstraints", "oc adm policy add-scc-to-user privileged -z docker-dind -n ci", final},
		{`admission webhook "warden-validating.common-webhooks.networking.gke.io" denied the request: GKE Warden rejected the request because it violates one or more constraints. Violations details: {"[denied by autogke-disallow-privilege]":["container d is privileged; not allowed in Autopilot"]}`,
			"GKEAutopilot", "Standard cluster", final},
		{"Pod not supported on Fargate: invalid SecurityContext fields: Privileged", "Fargate", "no Fargate profile selects", final},
		{`admission webhook "validation.gatekeeper.sh" denied the request: [psp-privileged-container] Privileged container is not allowed: d, securityContext: {"privileged": true}`,
			"Gatekeeper", "Namespace ci to its spec.match.excludedNamespaces", final},
		{`admission webhook "validate.kyverno.svc-fail" denied the request: resource Pod/ci/d-x was blocked due to the following policies disallow-privileged-containers`,
			"Kyverno", "PolicyException", final},
		{`pods "d-x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1`, "QuotaExceeded", "--memory-limit", passes},
		{`pods "d-x" is forbidden: status unknown for quota: q, resources: pods`, "QuotaUnknown", "kubectl describe quota -n ci", passes},
		{`pods "d-x" is forbidden: failed quota: q: must specify limits.cpu for: d`, "QuotaIncomplete", "--cpu-limit", final},
		{`persistentvolumeclaims "d-data" is forbidden: exceeded quota: q, requested: requests.storage=50Gi, used: requests.storage=0, limited: requests.storage=10Gi`,
			"QuotaExceeded", "--storage-size", final},
		{`persistentvolumeclaims "d-data" is forbidden: maximum storage usage per PersistentVolumeClaim is 10Gi, but request is 50Gi`,
			"LimitRange", "--storage-size", final},
		{`pods "d-x" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi`, "LimitRange", "--memory-request", final},
		{`pods "d-x" is forbidden: maximum cpu usage per Pod is 1, but limit is 2`, "LimitRange", "--cpu-limit", final},
		{`pods "d-x" is forbidden: memory max limit to request ratio per Thing is 2, but provided ratio is 4`, "LimitRange", "--memory-limit", final},
		{`Pod "d-x" is invalid: spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1`, "LimitRange", "--cpu-request", final},
		{`pods "d-x" is forbidden: no PriorityClass with name high was found`, "PriorityClassMissing", "--priority-class", final},
		{`pods "d-x" is forbidden: pod rejected: RuntimeClass "kata" not found`, "RuntimeClassMissing", "--runtime-class", final},
		{`admission webhook "x.example.com" denied the request: no privileged pods`, "AdmissionDenied", "policy that the message names", final},
		{`pods "d-x" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no`, "AdmissionDenied", "policy that the message names", final},
		{`Internal error occurred: failed calling webhook "x.example.com": failed to call webhook: Post "https://x.svc:443/": dial tcp 10.0.0.1:443: connect: connection refused`,
			"WebhookUnavailable", "webhook that does not answer", passes},
		{`pods "d-x" is forbidden: error looking up service account ci/default: serviceaccount "default" not found`, "ServiceAccountMissing", "kubectl get serviceaccount -n ci", passes},
		{`pods "d-x" is forbidden: error looking up service account ci/d: serviceaccount "d" not found`, "ServiceAccountMissing", "kubectl create serviceaccount NAME -n ci", final},
		{"", "FailedCreate", "what refuses the pod", passes},
	}
	for _, test := range tests {
		t.Run(test.message, func(t *testing.T) {
			got := RefusalOf("ci", test.message)
			if got.Reason != test.reason || !strings.Contains(strings.ToLower(got.Hint), strings.ToLower(test.hint)) || got.Passes != test.passes {
				t.Errorf("got %+v\nwant %q, …%s…, passes: %v", got, test.reason, test.hint, test.passes)
			}
		})
	}
}

func refusedAt(second int64, status corev1.ConditionStatus) *appsv1.Deployment {
	d := healthy().Deployment
	d.Status.Conditions = []appsv1.DeploymentCondition{
		{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, LastUpdateTime: metav1.Unix(1, 0)},
		{Type: appsv1.DeploymentReplicaFailure, Status: status, Message: "violates PodSecurity", LastUpdateTime: metav1.Unix(second, 0)},
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
			if cause == nil || cause.Reason != "PodSecurity" || cause.Final != test.final {
				t.Errorf("got %+v, want final: %v", cause, test.final)
			}
		})
	}
}

// A refusal that may pass becomes final when it has stood for a while.
func TestRefusalThatStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := starting()
		v.Pods = nil
		v.Deployment.Status.Conditions = []appsv1.DeploymentCondition{{
			Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Message: "exceeded quota: q", LastUpdateTime: metav1.Unix(1000, 0),
		}}
		_, _, took, err := waitReady(t, newScene(v), v, nil)
		failure, is := errors.AsType[*NotReadyError](err)
		if !is || failure.Cause == nil || failure.Cause.Reason != "QuotaExceeded" || !failure.Cause.Final || took.Round(time.Second) != refusalPatience {
			t.Errorf("got %v after %s", err, took)
		}
	})
}
