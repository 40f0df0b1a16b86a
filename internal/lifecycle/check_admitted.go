package lifecycle

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/rollout"
)

// describeAdmitted returns what admission has made of a pod: a warning for each change
// that matters, and otherwise ok with the changes that do not.
func describeAdmitted(sent dind.TrialPod, admitted *corev1.Pod, reason string) []CheckResult {
	var results []CheckResult
	if added := addedContainers(sent.Pod, admitted); len(added) > 0 {
		results = append(results, warning(rollout.OptOutHint, "admission adds to the pod: %s. A proxy there redirects the traffic of builds, and a Job's pod does not end with it", strings.Join(added, ", "))...)
	}
	if limits := addedLimits(containerOf(&sent.Spec, sent.Container), containerOf(&admitted.Spec, sent.Container)); limits != "" {
		results = append(results, warning("Builds count, too: set others with --cpu-limit and --memory-limit.", "%s sets limits on the container %s: %s", limiter(admitted), sent.Container, limits)...)
	}
	if changes := quietChanges(sent, admitted); len(changes) > 0 {
		reason += "; admission sets " + strings.Join(changes, ", ")
	}
	if len(results) > 0 {
		return results
	}
	return ok("%s", reason)
}

func addedContainers(sent, admitted *corev1.Pod) (added []string) {
	known := map[string]bool{}
	for _, c := range slices.Concat(sent.Spec.InitContainers, sent.Spec.Containers) {
		known[c.Name] = true
	}
	for _, c := range slices.Concat(admitted.Spec.InitContainers, admitted.Spec.Containers) {
		if !known[c.Name] {
			added = append(added, fmt.Sprintf("container %s (%s)", c.Name, c.Image))
		}
	}
	return added
}

func containerOf(pod *corev1.PodSpec, name string) *corev1.Container {
	for i := range pod.Containers {
		if pod.Containers[i].Name == name {
			return &pod.Containers[i]
		}
	}
	return &corev1.Container{}
}

// addedLimits returns the limits of CPU and memory that a container has and its template
// has not, "" if there are none.
func addedLimits(template, container *corev1.Container) string {
	var added []string
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		limit, limited := container.Resources.Limits[name]
		if want, wanted := template.Resources.Limits[name]; limited && (!wanted || want.Cmp(limit) != 0) {
			added = append(added, fmt.Sprintf("%s %s", name, limit.String()))
		}
	}
	return strings.Join(added, ", ")
}

// limiter names who sets limits. The plugin for LimitRanges leaves an annotation.
func limiter(pod *corev1.Pod) string {
	if strings.Contains(pod.Annotations["kubernetes.io/limit-ranger"], "limit for container") {
		return "the namespace's LimitRange"
	}
	return "admission"
}

// quietChanges returns the changes that users should know but need not act upon.
func quietChanges(sent dind.TrialPod, admitted *corev1.Pod) (changes []string) {
	before, after := containerOf(&sent.Spec, sent.Container), containerOf(&admitted.Spec, sent.Container)
	if after.Image != before.Image {
		changes = append(changes, "the image "+cmp.Or(after.Image, "(none)"))
	}
	for what, added := range map[string]map[string]string{
		"label": added(sent.Labels, admitted.Labels), "node selector": added(sent.Spec.NodeSelector, admitted.Spec.NodeSelector),
	} {
		for _, key := range slices.Sorted(maps.Keys(added)) {
			changes = append(changes, fmt.Sprintf("the %s %s=%s", what, key, added[key]))
		}
	}
	if class := admitted.Spec.RuntimeClassName; class != nil && (sent.Spec.RuntimeClassName == nil || *sent.Spec.RuntimeClassName != *class) {
		changes = append(changes, "the runtime class "+*class)
	}
	slices.Sort(changes)
	return changes
}

// added returns the entries of after that before does not have.
func added(before, after map[string]string) map[string]string {
	more := maps.Clone(after)
	maps.DeleteFunc(more, func(key, value string) bool { had, is := before[key]; return is && had == value })
	return more
}
