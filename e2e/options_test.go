//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Options reach the daemon, and changed options reach a running installation.
func TestOptionsReachTheDaemon(t *testing.T) {
	t.Parallel()
	node := anyNode(t)
	i := install(t, env.newest(),
		"--insecure-registry", "registry.example.com:5000", "--env", "E2E_MARK=it's $(here)", "--dockerd-arg", "--label=x=y",
		"--cache-limit", "3Gi", "--storage-size", "12Gi", "--storage-driver", "overlay2",
		"--cpu-request", "50m", "--memory-request", "64Mi", "--cpu-limit", "4", "--memory-limit", "6Gi",
		"--toleration", "dedicated=ci:NoSchedule", "--node-selector", corev1.LabelHostname+"="+node,
		"--allow-namespace", "kube-system", "--prune-timezone", "Europe/Prague")
	pod := i.pod(t)
	checkDaemon(t, i)
	checkPod(t, pod, node)
	equal(t, "claim", i.claim(t).Spec.Resources.Requests.Storage().String(), "12Gi")
	equal(t, "who may reach the daemon", policyOf(t, i), []string{"pods of its namespace", "namespace kube-system"})

	// Other options replace the pod and remove objects that are no longer
	// needed.
	r := i.install(t, "--mtu", "1400", "--prune-schedule", "none", "--no-network-policy", "--storage-driver", "overlay2", "-v")
	if replaced := i.pod(t); replaced.UID == pod.UID {
		t.Errorf("the pod was not replaced:\n%s", r.stderr)
	}
	i.job(t, `docker network inspect -f 'bridge={{index .Options "com.docker.network.driver.mtu"}}' bridge`).want(t, "bridge=1400")
	equal(t, "objects", i.leftOver(t), []string{
		"configmap/" + i.name + "-config", "deployment/" + i.name, "persistentvolumeclaim/" + i.name + "-data",
		"service/" + i.name, "service/" + i.name + "-pods",
	})
	equal(t, "claim, without --storage-size", i.claim(t).Spec.Resources.Requests.Storage().String(), "12Gi")
	dindctl(t, i.command("install", i.installOptions("--storage-size", "1Gi")...)...).want(t, failed).says(t, "conflict with the existing installation; nothing was changed", `--storage-size "1Gi"`, "a claim cannot shrink")
	dindctl(t, i.command("prune-now")...).want(t, failed).says(t, "without a scheduled prune", "--prune-schedule")
	if s := statusOf(t, i); !s.Healthy || s.Prune != nil {
		t.Errorf("without a schedule: healthy %v, prune %+v", s.Healthy, s.Prune)
	}
}

// A change of daemon.json alone replaces the pod, because the daemon reads it only
// when it starts; except its registries, which it reads again without a restart.
func TestConfigChangeReplacesThePod(t *testing.T) {
	t.Parallel()
	often := []string{"--env", "DINDCTL_GUARD_INTERVAL=2"}
	i := install(t, env.newest(), append(often, "--cache-limit", "1Gi")...)
	pod := i.pod(t)
	i.install(t, append(often, "--cache-limit", "2Gi")...)
	replaced := i.pod(t)
	if replaced.UID == pod.UID {
		t.Error("the pod was not replaced")
	}
	if config := inPod(t, replaced, "cat", configFile); !strings.Contains(config, fmt.Sprint(2<<30)) {
		t.Errorf("daemon.json: %s", config)
	}
	const registry = "changed.dindctl.test:5000"
	i.install(t, append(often, "--cache-limit", "2Gi", "--insecure-registry", registry)...).says(t, "the daemon has read them")
	equal(t, "the pod", i.pod(t).UID, replaced.UID)
	i.job(t, "docker info").want(t, registry)
	if config := inPod(t, replaced, "cat", configFile); !strings.Contains(config, fmt.Sprint(2<<30)) || !strings.Contains(config, registry) {
		t.Errorf("daemon.json: %s", config)
	}
}

// checkDaemon checks the daemon's settings from a job.
func checkDaemon(t *testing.T, i *installation) {
	t.Helper()
	i.job(t, `docker info`).want(t, "x=y", "Storage Driver: overlay2", "registry.example.com:5000")
	i.job(t, `
mtu=$(cat /sys/class/net/eth0/mtu)
docker network create made-by-a-job >/dev/null
for network in bridge made-by-a-job; do
	docker network inspect -f '{{index .Options "com.docker.network.driver.mtu"}}' $network | grep -x $mtu
done
docker run --rm `+baseImage+` cat /sys/class/net/eth0/mtu | grep -x $mtu
echo the MTU is correct`).want(t, "the MTU is correct")
	if env.registry == "" {
		return
	}
	i.job(t, `docker info`).want(t, "Registry Mirrors:", "http://"+env.registry+"/")
	if env.requests != "" && !strings.Contains(string(got[[]byte](t)(os.ReadFile(env.requests))), "docker/"+engineOf(i.image)) {
		t.Error("the mirror's log shows no request from the daemon")
	}
}

func checkPod(t *testing.T, pod *corev1.Pod, node string) {
	t.Helper()
	container := pod.Spec.Containers[0]
	var resources []string
	for _, list := range []corev1.ResourceList{container.Resources.Requests, container.Resources.Limits} {
		resources = append(resources, fmt.Sprintf("%s %s", list.Cpu(), list.Memory()))
	}
	equal(t, "requests and limits", resources, []string{"50m 64Mi", "4 6Gi"})
	equal(t, "node selector", pod.Spec.NodeSelector, map[string]string{corev1.LabelHostname: node, corev1.LabelOSStable: "linux"})
	tolerated := false
	for _, toleration := range pod.Spec.Tolerations {
		tolerated = tolerated || toleration.Key == "dedicated" && toleration.Value == "ci" && toleration.Effect == corev1.TaintEffectNoSchedule
	}
	if !tolerated {
		t.Errorf("tolerations: %v", pod.Spec.Tolerations)
	}
	environ := inPod(t, pod, "cat", "/proc/1/environ")
	if !strings.Contains(environ, "E2E_MARK=it's $(here)\x00") {
		t.Errorf("the variable does not have the given value: %q", environ)
	}
	var config struct {
		Builder struct {
			GC struct {
				Enabled bool
				Policy  []struct {
					KeepStorage string
					Filter      []string
				}
			}
		}
	}
	must(t, json.Unmarshal([]byte(inPod(t, pod, "cat", configFile)), &config))
	if gc := config.Builder.GC; !gc.Enabled || len(gc.Policy) != 3 || gc.Policy[1].KeepStorage != fmt.Sprint(3<<30) || !slices.Equal(gc.Policy[2].Filter, []string{"unused-for=168h"}) {
		t.Errorf("the build cache's limits: %+v", gc)
	}
}

// policyOf returns whom the NetworkPolicy admits, and checks that it opens only
// one port.
func policyOf(t *testing.T, i *installation) []string {
	t.Helper()
	policy := got[*networkingv1.NetworkPolicy](t)(env.cluster.NetworkingV1().NetworkPolicies(i.namespace).Get(t.Context(), i.name, metav1.GetOptions{}))
	var who []string
	for _, rule := range policy.Spec.Ingress {
		if len(rule.Ports) != 1 || rule.Ports[0].Port.IntValue() != 2375 {
			t.Errorf("ports: %v", rule.Ports)
		}
		for _, from := range rule.From {
			switch {
			case from.NamespaceSelector != nil:
				who = append(who, "namespace "+from.NamespaceSelector.MatchLabels[corev1.LabelMetadataName])
			case from.PodSelector != nil && len(from.PodSelector.MatchLabels) == 0:
				who = append(who, "pods of its namespace")
			}
		}
	}
	return who
}
