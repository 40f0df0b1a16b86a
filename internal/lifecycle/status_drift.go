package lifecycle

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/rollout"
)

// repairHint is the hint for what install repairs. known is whether it can read the
// options of the last install.
func repairHint(known bool) string {
	if known {
		return "`dindctl install --reuse-options` repairs it."
	}
	return "`dindctl install`, with the options of this installation, repairs it."
}

// driftProblems compares the objects with the options of the last install. Without an
// annotation that has them, it returns only what is wrong with any options.
func driftProblems(found installation, ready bool) []Problem {
	options, known := dind.Remembered(found.deployment())
	repair := repairHint(known)
	var problems []Problem
	add := func(kind, name, severity, reason, message string) {
		object := found.i.Cluster.Ref(kind, name).String()
		problems = append(problems, Problem{Object: object, Reason: reason, Severity: severity, Message: message, Hint: repair})
	}
	name := found.i.Name
	if known && !options.NoNetworkPolicy && found.networkPolicy() == nil {
		add("NetworkPolicy", name, SeverityError, "PolicyMissing", "The NetworkPolicy does not exist: every pod of the cluster reaches the daemon, and access to it is root access to the node.")
	}
	switch cronJob := found.cronJob(); {
	case cronJob == nil && known && options.PruneSchedule != dind.NoSchedule:
		add("CronJob", dind.CronJobName(name), SeverityError, "CronJobMissing", "The CronJob does not exist: nothing prunes the daemon by schedule.")
	case cronJob != nil && cronJob.Spec.Suspend != nil && *cronJob.Spec.Suspend:
		add("CronJob", cronJob.Name, SeverityError, "Suspended", "The CronJob is suspended: nothing prunes the daemon by schedule.")
	}
	if known && options.PublishPorts != "" && found.podsService() == nil {
		add("Service", dind.PodsServiceName(name), SeverityError, "PodsServiceMissing", "The Service does not exist: jobs do not reach the ports that they publish.")
	}
	if service := found.service(); service != nil {
		if how := dind.ExposedBy(service); how != "" {
			add("Service", name, SeverityError, "ServiceExposed", "The Service "+how+": every client outside the cluster that can reach the Service can use the daemon, which is root on its node.")
		}
		if port := dind.Port(found.servesTLS()); !dind.ServesPort(service, port) {
			add("Service", name, SeverityError, "ServicePort", fmt.Sprintf("The Service does not have port %d, to which jobs connect.", port))
		}
		if service.Spec.PublishNotReadyAddresses {
			add("Service", name, SeverityWarning, "NotReadyAddresses", "The Service routes to a daemon that is not ready: jobs fail while it starts.")
		}
	}
	if d := found.deployment(); d != nil {
		if settings := dind.PodExposedBy(d.Spec.Template.Spec); len(settings) > 0 {
			add("Deployment", name, SeverityError, "PodExposed", "The Deployment's pod has "+strings.Join(settings, ", ")+": what listens on the node's addresses is outside every NetworkPolicy.")
		}
		if d.Spec.Replicas != nil && *d.Spec.Replicas > 1 {
			add("Deployment", name, SeverityError, "Replicas", fmt.Sprintf("The Deployment has %d replicas, which would use one data root.", *d.Spec.Replicas))
		}
		if d.Spec.Paused && ready { // otherwise it is the cause
			add("Deployment", name, SeverityWarning, "Paused", "The Deployment is paused: no change reaches the pod.")
		}
	}
	return problems
}

// terminating returns the problem of an object that is being deleted, nil for any other.
func terminating(item kube.Item) *Problem {
	if item.Object.GetDeletionTimestamp() == nil {
		return nil
	}
	if claim, is := item.Object.(*corev1.PersistentVolumeClaim); is {
		return problemOf(rollout.ClaimTerminating(claim), SeverityError)
	}
	waits := ""
	if finalizers := item.Object.GetFinalizers(); len(finalizers) > 0 {
		waits = " (it waits for " + strings.Join(finalizers, ", ") + ")"
	}
	return &Problem{
		Object: item.Ref.String(), Reason: "Terminating", Severity: SeverityError,
		Message: "The " + item.Ref.Kind + " is being deleted" + waits + ".",
		Hint:    "When it is gone, `dindctl install` creates it again.",
	}
}

// problemOf returns the problem that a cause is.
func problemOf(cause *rollout.Cause, severity string) *Problem {
	return &Problem{cause.Object.String(), cause.Reason, cause.Message, cause.Hint, severity}
}
