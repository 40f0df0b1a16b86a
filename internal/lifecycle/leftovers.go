package lifecycle

import (
	"fmt"
	"strings"
	"time"

	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/human"
	"github.com/dindctl/dindctl/internal/kube"
)

// forgottenAge is the age from which a running container is reported: hardly any job
// takes longer.
const forgottenAge = 24 * time.Hour

// shownContainers is how many containers are named where all would be too many.
const shownContainers = 3

// NameContainers names the first containers of a list, with image and age:
// "web (nginx:1.27, 3h), db (postgres:16, 20m) and 2 more".
func NameContainers(list []daemon.Leftover, now time.Time) string {
	var names []string
	for _, one := range list[:min(len(list), shownContainers)] {
		names = append(names, fmt.Sprintf("%s (%s, %s)", one.Name, one.Image, human.Duration(max(now.Sub(one.Created), 0))))
	}
	text := strings.Join(names, ", ")
	if more := len(list) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// removeCommand returns the command that removes containers with their anonymous volumes
// in the pod's daemon. Names of containers need no quotes.
func removeCommand(pod kube.Ref, containers []daemon.Leftover) string {
	command := fmt.Sprintf("kubectl exec -n %s %s -c %s -- docker rm -f -v", pod.Namespace, pod, dind.ContainerName)
	for _, container := range containers {
		command += " " + container.Name
	}
	return command
}

// leftoverProblems reports containers that probably no job waits for any more.
func leftoverProblems(pod kube.Ref, left daemon.Leftovers, now time.Time) []Problem {
	old := left.Containers // oldest first
	for n, container := range old {
		if now.Sub(container.Created) < forgottenAge {
			old = old[:n]
			break
		}
	}
	if len(old) == 0 {
		return nil
	}
	have := "have"
	if len(old) == 1 {
		have = "has"
	}
	return []Problem{{
		Object: pod.String(), Reason: "OldContainers", Severity: SeverityWarning,
		Message: fmt.Sprintf("%s %s existed for more than a day: %s. No prune removes a running container, its image or its network without --max-container-age, and --when-idle waits for it.",
			count(len(old), "running container"), have, NameContainers(old, now)),
		Hint: fmt.Sprintf("`%s` removes what no job needs.", removeCommand(pod, old)),
	}}
}
