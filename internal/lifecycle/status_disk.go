package lifecycle

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/human"
	"github.com/dindctl/dindctl/internal/kube"
)

// Disk is the daemon's volume and what is on it, in bytes. Values that could
// not be read are nil.
type Disk struct {
	CapacityBytes     *int64   `json:"capacityBytes"`
	UsedBytes         *int64   `json:"usedBytes"`
	InodesUsedPercent *float64 `json:"inodesUsedPercent"`
	ImagesBytes       *int64   `json:"imagesBytes"`
	BuildCacheBytes   *int64   `json:"buildCacheBytes"`
	VolumesBytes      *int64   `json:"volumesBytes"`
	ContainersBytes   *int64   `json:"containersBytes"`
	ReclaimableBytes  *int64   `json:"reclaimableBytes"`
	// CacheLimitBytes is the limit of the build cache that the daemon applies, and
	// OnNodeDisk whether the volume shares the disk of its node.
	CacheLimitBytes *int64 `json:"cacheLimitBytes"`
	OnNodeDisk      *bool  `json:"onNodeDisk"`
	// LastImageGC is the last image garbage collection, nil if there was none.
	LastImageGC *dind.ImageGC `json:"lastImageGC"`
}

// fileSystem reads the size of the disk in the pod. The Docker API does not know it,
// and the Kubernetes API returns it only with the permission to read each node's
// statistics.
func (i Instance) fileSystem(ctx context.Context, pod string) (*dind.FileSystem, error) {
	out, err := kube.Retry(ctx, func(ctx context.Context) (string, error) {
		return i.Cluster.Exec(ctx, pod, dind.ContainerName, dind.FileSystemCommand()...)
	})
	if err != nil {
		return nil, err
	}
	return dind.ParseFileSystem(out)
}

// newDisk combines the two sources. It returns nil without both.
func newDisk(volume *dind.FileSystem, usage *daemon.DiskUsage) *Disk {
	if volume == nil && usage == nil {
		return nil
	}
	disk := &Disk{}
	if volume != nil {
		disk.CapacityBytes, disk.UsedBytes = &volume.CapacityBytes, &volume.UsedBytes
		disk.InodesUsedPercent, disk.LastImageGC = volume.InodesUsedPercent, volume.LastImageGC
		if volume.Limits.CacheBytes > 0 {
			disk.CacheLimitBytes, disk.OnNodeDisk = &volume.Limits.CacheBytes, &volume.Limits.OnNodeDisk
		}
	}
	if usage != nil {
		disk.ImagesBytes, disk.BuildCacheBytes = &usage.ImagesBytes, &usage.BuildCacheBytes
		disk.VolumesBytes, disk.ContainersBytes = usage.VolumesBytes, &usage.ContainersBytes
		disk.ReclaimableBytes = &usage.ReclaimableBytes
	}
	return disk
}

// fullPercent is the use of blocks or inodes from which builds fail: one build can
// need the rest.
const fullPercent = 95

// diskProblems returns the problems of the daemon's file system. The high-water mark
// is that of the options, "" if they are unknown.
func diskProblems(pod kube.Ref, volume *dind.FileSystem, highWater string) []Problem {
	object := pod.String()
	room, why := moreRoom(pod, volume)
	var problems []Problem
	if volume.ReadOnly {
		problems = append(problems, Problem{
			Object: object, Reason: "ReadOnlyFileSystem", Severity: SeverityError,
			Message: "The file system of the data root is read-only: every build fails. A node does that after errors of the disk.",
			Hint:    fmt.Sprintf("The node's kernel log says what is wrong with the disk; `kubectl delete pod %s -n %s` mounts the volume again.", pod.Name, pod.Namespace),
		})
	}
	// guard.sh removes what it can above the mark: above it something else fills the disk.
	mark, err := strconv.Atoi(strings.TrimSuffix(cmp.Or(highWater, dind.DefaultHighWater), "%"))
	if err != nil {
		mark = fullPercent // none
	}
	if volume.Limits.HighWater > 0 {
		mark = int(volume.Limits.HighWater)
	}
	for _, use := range []struct {
		percent      float64
		full, almost string
		text         string
	}{
		{percentOf(volume.UsedBytes, volume.CapacityBytes), "DiskFull", "DiskAlmostFull",
			fmt.Sprintf("%s of %s", human.Size(volume.UsedBytes), human.Size(volume.CapacityBytes))},
		{valueOf(volume.InodesUsedPercent), "InodesFull", "InodesAlmostFull", "inodes"},
	} {
		problem := Problem{Object: object, Reason: use.full, Severity: SeverityError, Hint: room}
		switch {
		case use.percent >= fullPercent:
			problem.Message = fmt.Sprintf("The file system of the data root is full (%.0f%%, %s): builds fail.%s", use.percent, use.text, why)
		case use.percent >= float64(mark):
			problem.Reason, problem.Severity = use.almost, SeverityWarning
			problem.Message = fmt.Sprintf("The file system of the data root is %.0f%% full (%s), which is above --high-water %d%%.%s", use.percent, use.text, mark, why)
		default:
			continue
		}
		problems = append(problems, problem)
	}
	return problems
}

// moreRoom returns how to make room, and why image garbage collection does not, if it has
// said so.
func moreRoom(pod kube.Ref, volume *dind.FileSystem) (hint, why string) {
	hint = "`dindctl prune-now --all` removes everything that no container uses; a larger --storage-size gives more room, if the storage class allows expansion."
	stuck := volume.Stuck
	if stuck == nil {
		return hint, ""
	}
	why = fmt.Sprintf(" Since %s image garbage collection has found no more to remove", stuck.Since.Format("2 Jan 15:04 MST"))
	switch {
	case stuck.VolumesBytes >= volume.UsedBytes/4:
		why += fmt.Sprintf(": volumes hold %s, and those with a name always stay.", human.Size(stuck.VolumesBytes))
		hint = fmt.Sprintf("`kubectl exec -n %s %s -c %s -- docker system df -v` lists the volumes; `docker volume rm` in a job removes one.", pod.Namespace, pod.Name, dind.ContainerName)
	case stuck.ForeignBytes >= volume.UsedBytes/4:
		why += fmt.Sprintf(": files that are not the daemon's hold %s.", human.Size(stuck.ForeignBytes))
		hint = "The daemon shares its disk: free space on the node, or use another --local-path or --storage-class."
	default:
		why += ": the rest is in use, or was used lately."
	}
	return hint, why
}

func percentOf(used, capacity int64) float64 {
	if capacity <= 0 {
		return 0
	}
	return 100 * float64(used) / float64(capacity)
}

func valueOf(percent *float64) float64 {
	if percent == nil {
		return 0
	}
	return *percent
}
