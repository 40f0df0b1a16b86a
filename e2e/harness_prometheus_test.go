//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
)

// podMonitorKind is what Prometheus Operator defines, as far as the API server needs it.
const podMonitorKind = `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"podmonitors.monitoring.coreos.com"},
"spec":{"group":"monitoring.coreos.com","scope":"Namespaced","names":{"kind":"PodMonitor","listKind":"PodMonitorList","plural":"podmonitors","singular":"podmonitor"},
"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}]}}`

// servePodMonitors defines the kind for the rest of the test, unless the cluster has it, from
// the operator.
func servePodMonitors(t *testing.T) {
	t.Helper()
	const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
	client := env.cluster.CoreV1().RESTClient()
	err := client.Post().AbsPath(path).SetHeader("Content-Type", "application/json").Body([]byte(podMonitorKind)).Do(t.Context()).Error()
	if apierrors.IsAlreadyExists(err) {
		return
	}
	must(t, err)
	t.Cleanup(func() {
		_ = client.Delete().AbsPath(path + "/podmonitors.monitoring.coreos.com").Do(context.Background()).Error()
	})
	eventually(t, "the API server to serve PodMonitors", func(context.Context) (bool, error) { return podMonitorsServed(t), nil })
}

func podMonitorsServed(t *testing.T) bool {
	t.Helper()
	_, err := env.cluster.Discovery().ServerResourcesForGroupVersion("monitoring.coreos.com/v1")
	if err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	return err == nil
}

// monitored reports whether the installation has a PodMonitor.
func monitored(t *testing.T, i *installation) bool {
	t.Helper()
	err := env.cluster.CoreV1().RESTClient().Get().AbsPath("/apis/monitoring.coreos.com/v1/namespaces/"+i.namespace+"/podmonitors/"+i.name).SetHeader("Accept", "application/json").Do(t.Context()).Error()
	if err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	return err == nil
}

// prometheus is a Prometheus in a pod.
type prometheus struct{ pod *corev1.Pod }

// startPrometheus starts a Prometheus that scrapes a target with the labels that its operator
// would give it, and evaluates rules.
func startPrometheus(t *testing.T, namespace, target string, labels map[string]string, rules []byte) prometheus {
	t.Helper()
	directory := strings.TrimSpace(string(got[[]byte](t)(exec.Command("../hack/tools/prometheus").Output())))
	pod := jobPod(env.newest(), nil, "trap exit TERM; until [ -e /tmp/ready ]; do sleep 0.2; done; cd /tmp && exec ./prometheus --config.file=config.json --storage.tsdb.path=data --web.listen-address=127.0.0.1:9090")
	pod = podUntil(t, got[*corev1.Pod](t)(env.cluster.CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{})), podReady)
	config := got[[]byte](t)(json.Marshal(map[string]any{
		"global":         map[string]any{"scrape_interval": "5s", "evaluation_interval": "5s"},
		"rule_files":     []string{"rules.yaml"},
		"scrape_configs": []any{map[string]any{"job_name": "dind", "static_configs": []any{map[string]any{"targets": []string{target}, "labels": labels}}}},
	}))
	putFile(t, pod, "/tmp/prometheus", got[[]byte](t)(os.ReadFile(filepath.Join(directory, "prometheus"))))
	putFile(t, pod, "/tmp/config.json", config)
	putFile(t, pod, "/tmp/rules.yaml", rules)
	putFile(t, pod, "/tmp/ready", nil)
	p := prometheus{pod}
	eventually(t, "Prometheus to answer", func(ctx context.Context) (bool, error) {
		_, _, err := tryInPod(ctx, t, pod, "wget", "-q", "-O", "-", "http://127.0.0.1:9090/-/ready")
		return err == nil, nil
	})
	return p
}

// ask sends a request to the API of Prometheus, and decodes the data of the answer.
func (p prometheus) ask(t *testing.T, path string, data any) {
	t.Helper()
	answer := struct {
		Status string
		Data   any
	}{Data: data}
	text := inPod(t, p.pod, "wget", "-q", "-O", "-", "http://127.0.0.1:9090/api/v1/"+path)
	if err := json.Unmarshal([]byte(text), &answer); err != nil || answer.Status != "success" {
		t.Fatalf("Prometheus answers %s to %s: %v", text, path, err)
	}
}

// query returns the series of an expression, each with its labels and its value.
func (p prometheus) query(t *testing.T, expression string) map[string]string {
	t.Helper()
	var data struct {
		Result []struct {
			Metric map[string]string
			Value  [2]any
		}
	}
	p.ask(t, "query?query="+url.QueryEscape(expression), &data)
	series := map[string]string{}
	for _, one := range data.Result {
		labels := got[[]byte](t)(json.Marshal(one.Metric))
		series[string(labels)], _ = one.Value[1].(string)
	}
	return series
}

// putFile writes a file in a pod's first container, executable.
func putFile(t *testing.T, pod *corev1.Pod, path string, content []byte) {
	t.Helper()
	request := env.cluster.CoreV1().RESTClient().Post().Resource("pods").Namespace(pod.Namespace).Name(pod.Name).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{
			Container: pod.Spec.Containers[0].Name, Command: []string{"sh", "-c", `cat >"$0" && chmod 755 "$0"`, path}, Stdin: true, Stdout: true, Stderr: true,
		}, scheme.ParameterCodec)
	executor := got[remotecommand.Executor](t)(remotecommand.NewWebSocketExecutor(env.config, "GET", request.URL().String()))
	var said strings.Builder
	err := executor.StreamWithContext(t.Context(), remotecommand.StreamOptions{Stdin: strings.NewReader(string(content)), Stdout: &said, Stderr: &said})
	if err != nil {
		t.Fatalf("writing %s in pod/%s: %v %s", path, pod.Name, err, said.String())
	}
}
