//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Packets show who may reach the daemon: pods of its namespace and of an allowed one,
// on the daemon's port only, whatever labels others give to their pods and namespaces.
func TestNetworkPolicy(t *testing.T) {
	t.Parallel()
	const debug = "--dockerd-arg=--debug" // logs each request
	friends := inNewNamespace(t, nil).namespace
	i := install(t, env.newest(), "--allow-namespace", friends, debug)
	daemon := i.pod(t)
	service, direct, published := i.address(t), daemon.Status.PodIP+":2375", daemon.Status.PodIP+":8080"
	i.job(t, "docker run -d -p 8080:8080 "+baseImage+" "+serve).want(t)
	equal(t, "the published port, from the pod itself", strings.TrimSpace(inPod(t, daemon, "wget", "-q", "-O", "-", "http://127.0.0.1:8080/version")), "served")

	forged := inNewNamespace(t, forgedLabels(daemon, friends)).namespace
	stranger, forger := startCaller(t, forged, nil), startCaller(t, forged, daemon.Labels)
	bystander := startServer(t, i.namespace)
	// The node applies the policy to pods in the order of their start: once these can
	// connect, it knows the others.
	friend, neighbour := startCaller(t, friends, nil), startCaller(t, i.namespace, nil)
	awaitReached(t, friend, direct)
	awaitReached(t, neighbour, direct)
	awaitEnforced(t, stranger, direct)

	for _, one := range []struct {
		name string
		from *corev1.Pod
		to   string
		may  bool
	}{
		{"a pod in its namespace, through the Service", neighbour, service, true},
		{"a pod in the allowed namespace, through the Service", friend, service, true},
		{"a pod in another namespace, through the Service", stranger, service, false},
		{"a pod in another namespace", stranger, direct, false},
		{"a pod with the daemon's labels in another namespace, through the Service", forger, service, false},
		{"a pod with the daemon's labels in another namespace", forger, direct, false},
		{"a pod in its namespace, a published port", neighbour, published, false},
		{"a pod in the allowed namespace, a published port", friend, published, false},
		{"a pod in another namespace, another pod of the daemon's namespace", stranger, bystander, true},
	} {
		if reached := reaches(t, one.from, one.to); reached != one.may {
			t.Errorf("%s: reached %v, want %v", one.name, reached, one.may)
		}
	}
	i.staysReady(t, daemon)

	i.install(t, "--no-network-policy", debug)
	awaitReached(t, stranger, direct)
	awaitReached(t, neighbour, published)
	i.install(t, "--allow-namespace", friends, debug)
	awaitRefused(t, stranger, direct)
	if reaches(t, neighbour, published) || !reaches(t, friend, service) {
		t.Error("the policy that was created again differs from the first one")
	}
	equal(t, "the daemon's pod", i.pod(t).UID, daemon.UID)
}

// forgedLabels returns labels that make a namespace look like another one. The API
// server does not let anybody forge the label by which the policy selects it.
func forgedLabels(daemon *corev1.Pod, namespace string) map[string]string {
	labels := map[string]string{"name": namespace, corev1.LabelMetadataName: namespace}
	for name, value := range daemon.Labels {
		labels[name] = value
	}
	return labels
}

// address returns the address of the Service.
func (i *installation) address(t *testing.T) string {
	t.Helper()
	service := got[*corev1.Service](t)(env.cluster.CoreV1().Services(i.namespace).Get(t.Context(), i.name, metav1.GetOptions{}))
	return service.Spec.ClusterIP + ":2375"
}

// staysReady waits until the kubelet has probed the daemon again, and checks that the
// pod has been ready all the time.
func (i *installation) staysReady(t *testing.T, before *corev1.Pod) {
	t.Helper()
	probes := func(ctx context.Context) (int, error) {
		log, err := env.cluster.CoreV1().Pods(i.namespace).GetLogs(before.Name, &corev1.PodLogOptions{}).DoRaw(ctx)
		return strings.Count(string(log), "method=GET module=api request-url=/_ping "), err
	}
	first := got[int](t)(probes(t.Context()))
	eventually(t, "a probe by the kubelet", func(ctx context.Context) (bool, error) {
		now, err := probes(ctx)
		return now > first, err
	})
	equal(t, "readiness", readiness(i.pod(t)), readiness(before))
	events := got[*corev1.EventList](t)(env.cluster.CoreV1().Events(i.namespace).List(t.Context(), metav1.ListOptions{}))
	for _, event := range events.Items {
		if strings.Contains(event.Message, "Readiness probe failed") {
			t.Errorf("the kubelet's probe failed: %s", event.Message)
		}
	}
}

// readiness identifies a pod and says since when it is ready.
func readiness(pod *corev1.Pod) map[types.UID]string {
	since := "never"
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			since = string(condition.Status) + " since " + condition.LastTransitionTime.String()
		}
	}
	return map[types.UID]string{pod.UID: since}
}
