package lifecycle

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/apply"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/human"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/progress"
)

// kubeletMark is the use of the node's disk, in percent, from which the kubelet removes
// images and evicts pods by default.
const kubeletMark = 85

// describeSmallDisk returns what a disk that is smaller than the claim means, and what to
// do about it.
func describeSmallDisk(small dind.SmallDisk) (message, hint string) {
	return fmt.Sprintf("The file system of the data root has only %s: the build cache is limited to %s, and not to %s.",
			human.Size(small.FileSystemBytes), human.Size(small.CacheBytes), human.Size(small.ConfiguredCacheBytes)),
		"The storage class does not enforce the size of the claim. Use a larger disk, or a --cache-limit that this one can hold."
}

// startLog returns the first lines of the log of a daemon that this run started: what it
// found out about its disk and its limits. status finds it later, too.
func (i Instance) startLog(ctx context.Context, pod *corev1.Pod, applied []apply.Applied) string {
	started := slices.ContainsFunc(applied, func(a apply.Applied) bool { return a.Ref.Kind == "Deployment" && a.Change != apply.Unchanged })
	if !started {
		return ""
	}
	log, _ := i.Cluster.LogTail(ctx, pod.Name, dind.ContainerName, damageLines, false) // the permission is optional
	return log
}

// warnOfLimits warns of what the log of a daemon's start says about its limits.
func (i Instance) warnOfLimits(log string) {
	if small := dind.FindSmallDisk(log); small.Matters() {
		message, hint := describeSmallDisk(small)
		progress.Warn(i.Observer, message+" "+hint)
	}
	if strings.Contains(log, dind.NotHeld) {
		progress.Warn(i.Observer, notHeld)
	}
}

// notHeld is what it means that nest.sh could not keep builds in the pod's control group.
const notHeld = "The pod's limits do not include builds: they run outside of its control group, where neither --memory-limit nor `kubectl top` nor the kubelet counts them."

// Limits reports whether the pod's limits include builds. Held is nil if that is unknown.
type Limits struct {
	Held          *bool  `json:"held"`
	CgroupVersion string `json:"cgroupVersion"`
}

func newLimits(a daemonAnswers) *Limits {
	if a.volume == nil || a.info == nil {
		return nil
	}
	return &Limits{a.volume.Limits.Held, a.info.CgroupVersion}
}

// addedLimitProblems returns the problem of limits that the daemon's pod has from admission,
// and not from the options: builds count, too.
func addedLimitProblems(found installation, pod *corev1.Pod) []Problem {
	limits := addedLimits(containerOf(&found.deployment().Spec.Template.Spec, dind.ContainerName), containerOf(&pod.Spec, dind.ContainerName))
	if limits == "" {
		return nil
	}
	return []Problem{{
		Object: "pod/" + pod.Name, Reason: "LimitsAdded", Severity: SeverityWarning,
		Message: fmt.Sprintf("The daemon has limits from %s: %s. A build that takes more memory is killed.", limiter(pod), limits),
		Hint:    "Set others with --cpu-limit and --memory-limit, which the LimitRange must allow.",
	}}
}

// limitProblems returns the problems of limits that the disk cannot hold, and of address
// pools that run out. networks is how many networks there are.
func limitProblems(pod kube.Ref, volume *dind.FileSystem, networks int64) []Problem {
	limits, object := volume.Limits, pod.String()
	var problems []Problem
	if small := (dind.SmallDisk{FileSystemBytes: volume.CapacityBytes, CacheBytes: limits.CacheBytes, ConfiguredCacheBytes: limits.ConfiguredCacheBytes}); small.Matters() {
		message, hint := describeSmallDisk(small)
		problems = append(problems, Problem{object, "DiskSmallerThanClaim", message, hint, SeverityWarning})
	}
	if limits.OnNodeDisk && (limits.HighWater == 0 || limits.HighWater >= kubeletMark) {
		problems = append(problems, Problem{
			Object: object, Reason: "NodeDisk", Severity: SeverityWarning,
			Message: fmt.Sprintf("The data root is on the node's own disk. From %d%% on the kubelet evicts pods, and --high-water is not below that.", kubeletMark),
			Hint:    fmt.Sprintf("Use --high-water %s, or a volume on a separate disk.", dind.NodeHighWater),
		})
	}
	if limits.Held != nil && !*limits.Held {
		problems = append(problems, Problem{
			Object: object, Reason: "LimitsNotHeld", Severity: SeverityWarning, Message: notHeld,
			Hint: fmt.Sprintf("`kubectl logs -n %s %s | grep dindctl:` says why.", pod.Namespace, pod.Name),
		})
	}
	// Below this, the jobs of a busy hour still find an address.
	if limits.Networks > 0 && networks*10 >= limits.Networks*8 {
		problem := Problem{
			Object: object, Reason: "NetworksAlmostFull", Severity: SeverityWarning,
			Message: fmt.Sprintf("The daemon has %d networks, and the address pools hold %d: without a free one, `docker network create` and `docker compose up` fail.", networks, limits.Networks),
			Hint:    "`docker network prune -f` in a job removes those without containers, `docker compose down` the others; --address-pool adds more.",
		}
		if networks >= limits.Networks {
			problem.Reason = "NetworksFull"
		}
		problems = append(problems, problem)
	}
	return problems
}
