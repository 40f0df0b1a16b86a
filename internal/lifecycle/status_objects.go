package lifecycle

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/rollout"
)

// objectProblems returns the problems that the objects show.
func objectProblems(found installation, rolloutStatus rollout.Status) []Problem {
	var problems []Problem
	missing := func(kind string) {
		problems = append(problems, Problem{
			Object: kind, Reason: "Missing", Severity: SeverityError,
			Message: "The " + kind + " does not exist.", Hint: "`dindctl install` creates it again.",
		})
	}
	if found.deployment() == nil {
		missing("Deployment")
	}
	if found.configMap() == nil {
		missing("ConfigMap")
	}
	if found.service() == nil {
		missing("Service")
	}
	if found.claim() == nil {
		missing("PersistentVolumeClaim")
	}
	if found.deployment() == nil || rolloutStatus.Ready {
		return problems
	}
	problem := Problem{
		Object: "deployment/" + found.deployment().Name, Reason: "NotReady", Severity: SeverityError,
		Message: "The pod is not ready: " + rolloutStatus.Now + ".",
		Hint:    "It may just be starting: `dindctl status --watch` follows it.",
	}
	if replicas := found.deployment().Spec.Replicas; replicas != nil && *replicas == 0 {
		problem.Reason, problem.Message = "ScaledToZero", "The Deployment is scaled to zero: no daemon runs."
		problem.Hint = "`dindctl install` scales it back to one."
	}
	if cause := rolloutStatus.Cause; cause != nil {
		problem.Object, problem.Reason, problem.Message, problem.Hint = cause.Object.String(), cause.Reason, cause.Message, cause.Hint
	}
	return append(problems, problem)
}

// objectStates returns the states of the objects in the order in which they are shown.
func objectStates(found installation, rolloutStatus rollout.Status) []ObjectState {
	var states []ObjectState
	add := func(kind, name, state string, ready bool, detail ...string) {
		states = append(states, ObjectState{kind, name, state, ready, strings.Join(detail, ", ")})
	}
	if c := found.claim(); c != nil {
		size := c.Status.Capacity[corev1.ResourceStorage]
		detail := []string{className(c)}
		if !size.IsZero() {
			detail = append([]string{size.String()}, detail...)
		}
		add("PersistentVolumeClaim", c.Name, string(c.Status.Phase), c.Status.Phase == corev1.ClaimBound, detail...)
	}
	if v := found.persistentVolume(); v != nil {
		add("PersistentVolume", v.Name, string(v.Status.Phase), v.Status.Phase == corev1.VolumeBound, localPath(v))
	}
	if d := found.deployment(); d != nil {
		state, detail := "NotReady", rolloutStatus.Now
		if rolloutStatus.Ready {
			state = "Ready"
			detail = fmt.Sprintf("pod %s on node %s", rolloutStatus.Pod.Name, rolloutStatus.Pod.Spec.NodeName)
		}
		add("Deployment", d.Name, state, rolloutStatus.Ready, detail)
	}
	if s := found.service(); s != nil {
		var ports []string
		for _, port := range s.Spec.Ports {
			ports = append(ports, fmt.Sprintf("%d/%s", port.Port, port.Protocol))
		}
		add("Service", s.Name, string(s.Spec.Type), true, strings.Join(ports, " "))
	}
	if c := found.configMap(); c != nil {
		add("ConfigMap", c.Name, "Present", true)
	}
	if c := found.cronJob(); c != nil {
		state := "Scheduled"
		if c.Spec.Suspend != nil && *c.Spec.Suspend {
			state = "Suspended"
		}
		add("CronJob", c.Name, state, state == "Scheduled", c.Spec.Schedule)
	}
	if n := found.networkPolicy(); n != nil {
		// The API does not show whether a network plugin enforces policies.
		add("NetworkPolicy", n.Name, "Created", true, "enforcement depends on the network plugin")
	}
	return states
}

func localPath(volume *corev1.PersistentVolume) string {
	if volume.Spec.Local == nil {
		return ""
	}
	return volume.Spec.Local.Path
}
