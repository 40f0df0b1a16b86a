//go:build e2e

package e2e

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// The daemon answers, but clients that should not reach it do, or nothing prunes it.
// status names each state and ends with exit code 3; install repairs it, says so, and
// restarts no pod.
func TestStatusTruth(t *testing.T) {
	t.Parallel()
	i := install(t, env.newest())
	i.settle(t)
	pod := i.pod(t).UID
	byHand := metav1.PatchOptions{FieldManager: "kubectl-patch"}
	core, networking := env.cluster.CoreV1(), env.cluster.NetworkingV1()
	service := func(patch string) func(*testing.T) {
		return func(t *testing.T) {
			_, err := core.Services(i.namespace).Patch(t.Context(), i.name, types.MergePatchType, []byte(patch), byHand)
			must(t, err)
		}
	}
	cronJob := i.name + "-clear-cache"
	for _, broken := range []struct {
		name    string
		how     func(*testing.T)
		reason  string
		repairs string // what install says
	}{
		{"no policy", func(t *testing.T) {
			must(t, networking.NetworkPolicies(i.namespace).Delete(t.Context(), i.name, metav1.DeleteOptions{}))
		}, "PolicyMissing", "1 created"},
		{"an open policy", func(t *testing.T) {
			_, err := networking.NetworkPolicies(i.namespace).Patch(t.Context(), i.name, types.MergePatchType, []byte(`{"spec":{"ingress":[{}]}}`), byHand)
			must(t, err)
		}, "PolicyOpens", "networkpolicy/" + i.name + " spec.ingress"},
		{"no CronJob", func(t *testing.T) {
			must(t, env.cluster.BatchV1().CronJobs(i.namespace).Delete(t.Context(), cronJob, metav1.DeleteOptions{}))
		}, "CronJobMissing", "1 created"},
		{"a suspended CronJob", func(t *testing.T) {
			_, err := env.cluster.BatchV1().CronJobs(i.namespace).Patch(t.Context(), cronJob, types.MergePatchType, []byte(`{"spec":{"suspend":true}}`), byHand)
			must(t, err)
		}, "Suspended", "cronjob/" + cronJob + " spec.suspend: true → false"},
		{"a NodePort", service(`{"spec":{"type":"NodePort"}}`), "ServiceExposed", "spec.type: NodePort → ClusterIP"},
		{"external IPs", service(`{"spec":{"externalIPs":["203.0.113.7"]}}`), "ServiceExposed", "spec.externalIPs: removed"},
		{"another port", service(`{"spec":{"ports":[{"name":"daemon-port","port":12375,"protocol":"TCP","targetPort":"daemon-port"}]}}`), "ServicePort", "port=2375"},
		// Paused, so that the pod is not replaced.
		{"hostNetwork", func(t *testing.T) {
			_, err := env.cluster.AppsV1().Deployments(i.namespace).Patch(t.Context(), i.name, types.StrategicMergePatchType,
				[]byte(`{"spec":{"paused":true,"template":{"spec":{"hostNetwork":true,"hostPID":true}}}}`), byHand)
			must(t, err)
		}, "PodExposed", "spec.template.spec.hostNetwork: removed true"},
		{"paused", func(t *testing.T) {
			_, err := env.cluster.AppsV1().Deployments(i.namespace).Patch(t.Context(), i.name, types.StrategicMergePatchType,
				[]byte(`{"spec":{"paused":true,"template":{"metadata":{"annotations":{"by":"hand"}}}}}`), byHand)
			must(t, err)
		}, "Paused", "spec.paused: removed true"},
	} {
		t.Run(broken.name, func(t *testing.T) {
			broken.how(t)
			i.eventuallyProblem(t, broken.reason)
			if broken.reason == "Paused" {
				// Only the annotation is somebody else's to keep: undo it, so that no pod is replaced.
				_, err := env.cluster.AppsV1().Deployments(i.namespace).Patch(t.Context(), i.name, types.StrategicMergePatchType,
					[]byte(`{"spec":{"template":{"metadata":{"annotations":{"by":null}}}}}`), byHand)
				must(t, err)
			}
			succeed(t, i.command("install", i.installOptions()...)...).says(t, broken.repairs)
			i.eventuallyHealthy(t)
			equal(t, "pod", i.pod(t).UID, pod)
			again := decode[installed](t, succeed(t, i.command("install", i.installOptions("-o", "json")...)...))
			equal(t, "changes of the next install", again.changes(), []string{"unchanged"})
		})
	}

	// install repairs neither: the objects are somebody else's.
	t.Run("another policy", func(t *testing.T) {
		other := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "other"}, Spec: networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{}}}}
		_, err := networking.NetworkPolicies(i.namespace).Create(t.Context(), other, metav1.CreateOptions{})
		must(t, err)
		i.eventuallyProblem(t, "PolicyOpens")
		must(t, networking.NetworkPolicies(i.namespace).Delete(t.Context(), other.Name, metav1.DeleteOptions{}))
		i.eventuallyHealthy(t)
	})
	t.Run("another backend", func(t *testing.T) {
		copied := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "copy", Labels: map[string]string{"app": i.name}},
			Spec: corev1.PodSpec{TerminationGracePeriodSeconds: new(int64(0)), Containers: []corev1.Container{{
				Name: "copy", Image: baseImage, Command: []string{"sleep", "86400"}, Ports: []corev1.ContainerPort{{Name: "daemon-port", ContainerPort: 2375}},
			}}},
		}
		_, err := core.Pods(i.namespace).Create(t.Context(), copied, metav1.CreateOptions{})
		must(t, err)
		i.eventuallyProblem(t, "OtherBackend")
		must(t, core.Pods(i.namespace).Delete(t.Context(), copied.Name, metav1.DeleteOptions{}))
		i.eventuallyHealthy(t)
	})
}

// eventuallyHealthy waits until status ends with exit code 0: EndpointSlices follow a
// moment after a Service.
func (i *installation) eventuallyHealthy(t *testing.T) {
	t.Helper()
	eventually(t, "a healthy status", func(context.Context) (bool, error) {
		return dindctl(t, i.command("status")...).code == done, nil
	})
}
