package rollout

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/redact"
)

// Messages of the kubelet, of webhooks and of the daemon are shown without the
// values of the pod's variables and flags, except for those that dindctl sets.
func TestNoSecretsInCauses(t *testing.T) {
	spec := corev1.PodSpec{Containers: []corev1.Container{{
		Args: []string{"--tls=false", "--log-opt=splunk-token=canary-1", "--storage-driver=overlay2", "--debug"},
		Env: []corev1.EnvVar{
			{Name: "DOCKER_HOST", Value: "tcp://here:2375"}, {Name: "VERIFY_EXPECT", Value: "refused"}, {Name: "HTTPS_PROXY", Value: "http://jane:canary-2@proxy:3128"}, {Name: "TOKEN", Value: "canary-3"},
		},
	}}}
	said := `"canary-1" canary-2 http://jane:canary-2@proxy:3128 canary-3 tcp://here:2375 refused https://x:y@z false overlay2 --debug`
	want := `"(not shown)" (not shown) (not shown) (not shown) tcp://here:2375 refused https://(not shown)@z false overlay2 --debug`
	v := healthy()
	pod := v.Pods[0]
	pod.Spec.Containers = spec.Containers
	unready(pod).State.Waiting = &corev1.ContainerStateWaiting{Reason: "CreateContainerError", Message: said}
	v.Deployment.Status.AvailableReplicas = 0
	cause := Compute(v).Cause
	if diff := cmp.Diff("Node node cannot create the container: "+want, cause.Message); diff != "" {
		t.Error(diff)
	}

	refused := &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{Spec: spec}}}
	refused.Status.Conditions = []appsv1.DeploymentCondition{{Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Message: said}}
	cause = Compute(State{Deployment: refused}).Cause
	if diff := cmp.Diff("The cluster refuses the pod: "+want, cause.Message); diff != "" {
		t.Error(diff)
	}

	// The fake clientset's log is always the same.
	pod.Spec.Containers[0].Env[2].Value = "fake logs"
	if log := lastWords(t.Context(), &kube.Cluster{Client: fake.NewClientset(pod), Namespace: "ci"}, pod, ""); log != redact.Hidden {
		t.Errorf("the log says %q", log)
	}
}
