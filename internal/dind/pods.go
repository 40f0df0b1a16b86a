package dind

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
)

// optOutLabels and optOutAnnotations keep service meshes out of the pods: a proxy would
// redirect the traffic of builds, and keep a Job's pod running for ever. See
// https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/#controlling-the-injection-policy,
// https://istio.io/latest/docs/ambient/usage/add-workloads/ and
// https://linkerd.io/2/features/proxy-injection/
func optOutLabels() map[string]string {
	return map[string]string{"sidecar.istio.io/inject": "false", "istio.io/dataplane-mode": "none"}
}

func optOutAnnotations() map[string]string {
	return map[string]string{"linkerd.io/inject": "disabled"}
}

// stayAnnotations ask autoscalers not to move the pod, which interrupts CI. See
// https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/FAQ.md and
// https://karpenter.sh/docs/concepts/disruption/#pod-level-controls
func stayAnnotations() map[string]string {
	return map[string]string{"cluster-autoscaler.kubernetes.io/safe-to-evict": "false", "karpenter.sh/do-not-disrupt": "true"}
}

// podTemplate returns the template of a pod, what all pods have in common included. The
// labels and annotations of the options replace the opt-outs, and labels and annotations
// replace both. `kubectl logs` and `kubectl exec` mean the pod's only container, also if
// admission adds others.
func (o Options) podTemplate(labels, annotations map[string]string, pod *applycore.PodSpecApplyConfiguration) *applycore.PodTemplateSpecApplyConfiguration {
	if o.ServiceAccount != "" {
		// Both: if only one is removed later, the other, which is its alias, stays.
		pod.WithServiceAccountName(o.ServiceAccount).WithDeprecatedServiceAccount(o.ServiceAccount)
	}
	return applycore.PodTemplateSpec().
		WithLabels(optOutLabels()).WithLabels(pairs(o.PodLabels)).WithLabels(labels).
		WithAnnotations(map[string]string{"kubectl.kubernetes.io/default-container": *pod.Containers[0].Name}).
		WithAnnotations(optOutAnnotations()).WithAnnotations(annotations).WithAnnotations(pairs(o.PodAnnotations)).
		WithSpec(pod.WithNodeSelector(map[string]string{corev1.LabelOSStable: string(corev1.Linux)}))
}

// pairs returns valid KEY=VALUE pairs as a map.
func pairs(list []string) map[string]string {
	values := map[string]string{}
	for _, pair := range list {
		key, value, _ := strings.Cut(pair, "=")
		values[key] = value
	}
	return values
}

// besideDaemon makes a Job's pod run on a node of the daemon's architecture: their image
// is the same, and may exist for only one. It also keeps the architecture and the operating
// system of the daemon's node selector.
func besideDaemon(pod *applycore.PodSpecApplyConfiguration, namespace string, daemon *metav1.LabelSelector, nodes map[string]string) {
	term := applycore.PodAffinityTerm().WithTopologyKey(corev1.LabelArchStable).WithLabelSelector(applySelector(daemon))
	if namespace != "" {
		term.WithNamespaces(namespace)
	}
	pod.WithAffinity(applycore.Affinity().WithPodAffinity(applycore.PodAffinity().WithRequiredDuringSchedulingIgnoredDuringExecution(term)))
	if architecture := nodes[corev1.LabelArchStable]; architecture != "" {
		pod.WithNodeSelector(map[string]string{corev1.LabelArchStable: architecture})
	}
}

// TrialPod is a pod that will run, for a dry run.
type TrialPod struct {
	*corev1.Pod
	Container string // its only container
}

// Pod returns the pod that the Deployment will create.
func (o Objects) Pod() (TrialPod, error) {
	deployment, err := o.deployment()
	return trial(deployment.ObjectMeta, deployment.Spec.Template, err)
}

// PrunePod returns the pod of a prune; without a container if there is no CronJob.
func (o Objects) PrunePod() (TrialPod, error) {
	cron, err := o.cronJob()
	if cron == nil || err != nil {
		return TrialPod{}, err
	}
	return trial(cron.ObjectMeta, cron.Spec.JobTemplate.Spec.Template, nil)
}

// VerifyPod returns the pod of a verification from the Deployment's namespace.
func (o Objects) VerifyPod() (TrialPod, error) {
	deployment, err := o.deployment()
	if err != nil {
		return TrialPod{}, err
	}
	job, err := VerifyJob(deployment, VerifySpec{From: deployment.Namespace, Token: "check"})
	if err != nil {
		return TrialPod{}, err
	}
	return trial(job.ObjectMeta, job.Spec.Template, nil)
}

func trial(owner metav1.ObjectMeta, template corev1.PodTemplateSpec, err error) (TrialPod, error) {
	if err != nil {
		return TrialPod{}, err
	}
	pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	pod.GenerateName, pod.Namespace = owner.Name+"-", owner.Namespace
	return TrialPod{Pod: pod, Container: pod.Spec.Containers[0].Name}, nil
}
