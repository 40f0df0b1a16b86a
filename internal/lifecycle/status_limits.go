package lifecycle

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/apply"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/human"
	"github.com/dindctl/dindctl/internal/kube"
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

// findSmallDisk returns what the daemon that this run started found out about its disk, in
// the first lines of its log. status finds it later, too.
func (i Instance) findSmallDisk(ctx context.Context, pod *corev1.Pod, applied []apply.Applied) dind.SmallDisk {
	started := slices.ContainsFunc(applied, func(a apply.Applied) bool { return a.Ref.Kind == "Deployment" && a.Change != apply.Unchanged })
	if !started {
		return dind.SmallDisk{}
	}
	log, err := i.Cluster.LogTail(ctx, pod.Name, dind.ContainerName, damageLines, false)
	if err != nil {
		return dind.SmallDisk{} // without the permission
	}
	return dind.FindSmallDisk(log)
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
