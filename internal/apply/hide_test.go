package apply

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// A canary is in every place of an object that can hold a secret, new, changed
// and removed: that something is there is told, and what it is never.
func TestNoSecretsInChanges(t *testing.T) {
	places := map[string]string{
		"a variable":             `{"spec":{"containers":[{"name":"d","env":[{"name":"PROXY","value":"%s"}]}]}}`,
		"a flag":                 `{"spec":{"containers":[{"name":"d","args":["--log-opt=splunk-token=%s","--debug"]}]}}`,
		"a flag and its value":   `{"spec":{"containers":[{"name":"d","args":["--http-proxy","%s"]}]}}`,
		"a command":              `{"spec":{"containers":[{"name":"d","command":["sh","-c","login %s"]}]}}`,
		"a probe":                `{"spec":{"containers":[{"name":"d","startupProbe":{"exec":{"command":["sh","-c","%s"]}}}]}}`,
		"a header":               `{"spec":{"containers":[{"name":"d","livenessProbe":{"httpGet":{"httpHeaders":[{"name":"Authorization","value":"%s"}]}}}]}}`,
		"daemon.json":            `{"data":{"daemon.json":"{\"http-proxy\": \"%s\"}"}}`,
		"a Secret":               `{"data":{"password":"%s"}}`,
		"a Secret in plain":      `{"stringData":{"password":"%s"}}`,
		"binary data":            `{"binaryData":{"x":"%s"}}`,
		"a foreign annotation":   `{"metadata":{"annotations":{"vendor/token":"%s"}}}`,
		"a template's":           `{"spec":{"template":{"metadata":{"annotations":{"vendor/token":"%s"}}}}}`,
		"an address, at last":    `{"spec":{"whatever":"https://jane:%s@proxy"}}`,
		"an added sidecar":       `{"spec":{"containers":[{"name":"s","args":["%[1]s"],"env":[{"name":"A","value":"%[1]s"}],"command":["%[1]s"]}]}}`,
		"a variable without end": `{"spec":{"containers":[{"name":"d","env":[{"name":"A"},{"name":"B","value":"%s"}]}]}}`,
	}
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			one, two := decode(t, fmt.Sprintf(place, "canary-1")), decode(t, fmt.Sprintf(place, "canary-2"))
			for what, changes := range map[string][]FieldChange{
				"changed": differences(one, two), "new": differences(map[string]any{}, one), "removed": differences(one, map[string]any{}),
				"predicted": withoutSecrets(lacking(one, two)), "predicted anew": withoutSecrets(lacking(map[string]any{}, two)),
			} {
				if len(changes) == 0 && what != "predicted anew" {
					t.Errorf("%s: nothing is told", what)
				}
				if text, _ := json.Marshal(changes); strings.Contains(string(text), "canary") {
					t.Errorf("%s: %s", what, text)
				}
			}
		})
	}
}

// Which flags there are, and what is no secret, stays readable.
func TestChangesStayReadable(t *testing.T) {
	tests := []struct{ path, value, want string }{
		{"spec.args", "--debug", "--debug"},
		{"spec.args", "--mtu=1400", "--mtu=(not shown)"},
		{"spec.args", "dockerd", "(not shown)"},
		{"spec.containers[name=d].image", "docker:29", "docker:29"},
		{"spec.template.metadata.annotations.dindctl/config-hash", "12ab", "12ab"},
		{"metadata.labels.app", "x", "x"},
		{"spec.containers[name=d].env[name=A].valueFrom.secretKeyRef.name", "login", "login"},
		{"spec.dataSource.name", "x", "x"},
	}
	for _, test := range tests {
		if got := hide(test.path, test.value); got != test.want {
			t.Errorf("%s: %v, want %s", test.path, got, test.want)
		}
	}
}

// What the kubelet, a webhook and the daemon itself say is told without the
// values that the pod was made with; what dindctl set is worth reading.
func TestNoSecretsInCauses(t *testing.T) {
	spec := corev1.PodSpec{Containers: []corev1.Container{{
		Args: []string{"--tls=false", "--log-opt=splunk-token=canary-1", "--debug"},
		Env: []corev1.EnvVar{
			{Name: "DOCKER_HOST", Value: "tcp://here:2375"}, {Name: "VERIFY_EXPECT", Value: "refused"}, {Name: "HTTPS_PROXY", Value: "http://jane:canary-2@proxy:3128"}, {Name: "TOKEN", Value: "canary-3"},
		},
	}}}
	said := `"canary-1" canary-2 http://jane:canary-2@proxy:3128 canary-3 tcp://here:2375 refused https://x:y@z false --debug`
	want := `"(not shown)" (not shown) (not shown) (not shown) tcp://here:2375 refused https://(not shown)@z false --debug`
	v := healthy()
	pod := v.Pods[0]
	pod.Spec.Containers = spec.Containers
	unready(pod).State.Waiting = &corev1.ContainerStateWaiting{Reason: "CreateContainerError", Message: said}
	v.Deployment.Status.AvailableReplicas = 0
	cause := Judge(v).Cause
	if diff := cmp.Diff("Node node cannot create the container: "+want, cause.Message); diff != "" {
		t.Error(diff)
	}

	refused := &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{Spec: spec}}}
	refused.Status.Conditions = []appsv1.DeploymentCondition{{Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Message: said}}
	cause = Judge(View{Deployment: refused}).Cause
	if diff := cmp.Diff("The cluster refuses the pod: "+want, cause.Message); diff != "" {
		t.Error(diff)
	}

	// The fake clientset's log is always the same.
	pod.Spec.Containers[0].Env[2].Value = "fake logs"
	if log := (&Cluster{Client: fake.NewClientset(pod), Namespace: "ci"}).lastWords(t.Context(), pod); log != hidden {
		t.Errorf("the log says %q", log)
	}
}

// What taking over removes is told by name alone, whichever way it is found out.
func TestMarksOfToolsAreNamedOnly(t *testing.T) {
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"meta.helm.sh/release-name": "canary"}}}
	want := []FieldChange{{Path: "metadata.annotations.meta.helm.sh/release-name", From: hidden}}
	if diff := cmp.Diff(want, marksRemoved(claim)); diff != "" {
		t.Error(diff)
	}
}
