package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/rollout"
)

// serviceState reports a Service that does not route to the pod.
func (i Instance) serviceState(ctx context.Context, pod *corev1.Pod) []Problem {
	endpoints, err := rollout.Endpoints(ctx, i.Cluster, i.Name)
	if err != nil {
		return []Problem{{
			Object: "service/" + i.Name, Reason: "EndpointsUnknown", Severity: SeverityWarning,
			Message: "It is unknown whether the Service routes to the pod: " + err.Error(),
			Hint:    hintFor(err, "list endpointslices.discovery.k8s.io", "`dindctl status` tries again."),
		}}
	}
	if rollout.RoutesTo(endpoints, pod) {
		return nil
	}
	cause := rollout.NoEndpoint(i.Cluster.Ref("Service", i.Name), pod.Name)
	return []Problem{{cause.Object.String(), cause.Reason, cause.Message, cause.Hint, SeverityError}}
}

// daemonState asks the daemon and its file system concurrently. A nil answer always
// comes with a problem that says why.
func (i Instance) daemonState(ctx context.Context, running *corev1.Pod) (info *daemon.Info, disk *Disk, problems []Problem) {
	pod := running.Name
	object := kube.Ref{Kind: "Pod", Namespace: i.Cluster.Namespace, Name: pod}.String()
	var usage *daemon.DiskUsage
	var volume *dind.FileSystem
	var trouble, usageErr, volumeErr error
	var asking sync.WaitGroup
	asking.Go(func() { volume, volumeErr = i.fileSystem(ctx, pod) })
	asking.Go(func() {
		trouble = i.withEngine(ctx, running, func(ctx context.Context, engine Engine) error {
			var answer daemon.DiskUsage
			var counting sync.WaitGroup
			counting.Go(func() { answer, usageErr = engine.DiskUsage(ctx) })
			engineInfo, err := engine.Info(ctx)
			counting.Wait()
			if err == nil {
				info = &engineInfo
			}
			if usageErr == nil {
				usage = &answer
			}
			return err
		})
	})
	asking.Wait()

	var unreachable *DaemonError
	if errors.As(trouble, &unreachable) {
		reason, hint := unreachable.Advice()
		problems = append(problems, Problem{object, reason, unreachable.Error(), hint, SeverityError})
	}
	if usageErr != nil && trouble == nil {
		problems = append(problems, Problem{
			Object: object, Reason: "DiskUsageUnknown", Severity: SeverityWarning,
			Message: "The daemon does not report what its images and cache use: " + usageErr.Error(),
			Hint:    fmt.Sprintf("kubectl logs -n %s %s", i.Cluster.Namespace, pod),
		})
	}
	if volumeErr != nil {
		problems = append(problems, Problem{
			Object: object, Reason: "FileSystemUnknown", Severity: SeverityWarning,
			Message: "The size of the file system could not be read: " + volumeErr.Error(),
			Hint: hintFor(volumeErr, "create pods/exec",
				fmt.Sprintf("kubectl exec -n %s %s -- df %s", i.Cluster.Namespace, pod, dind.DataRoot)),
		})
	}
	return info, newDisk(volume, usage), problems
}

// Disk is the daemon's volume and what is on it, in bytes. Values that could
// not be read are nil.
type Disk struct {
	CapacityBytes     *int64   `json:"capacityBytes"`
	UsedBytes         *int64   `json:"usedBytes"`
	InodesUsedPercent *float64 `json:"inodesUsedPercent"`
	ImagesBytes       *int64   `json:"imagesBytes"`
	BuildCacheBytes   *int64   `json:"buildCacheBytes"`
	ReclaimableBytes  *int64   `json:"reclaimableBytes"`
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
	}
	if usage != nil {
		disk.ImagesBytes, disk.BuildCacheBytes = &usage.ImagesBytes, &usage.BuildCacheBytes
		disk.ReclaimableBytes = &usage.ReclaimableBytes
	}
	return disk
}
