package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/human"
	"github.com/dindctl/dindctl/internal/kube"
)

// usageTime is how long status waits for the sizes of images and cache: on a large data
// root the daemon takes minutes to add them up.
const usageTime = 15 * time.Second

// daemonState asks the daemon and its file system concurrently. A nil answer always
// comes with a problem that says why.
func (i Instance) daemonState(ctx context.Context, running *corev1.Pod, highWater string) (info *daemon.Info, volume *dind.FileSystem, disk *Disk, problems []Problem) {
	pod := running.Name
	ref := kube.Ref{Kind: "Pod", Namespace: i.Cluster.Namespace, Name: pod}
	object := ref.String()
	var usage *daemon.DiskUsage
	var networks int64
	var trouble, usageErr, volumeErr error
	damage := i.cacheDamage(ctx, running)
	var asking sync.WaitGroup
	asking.Go(func() { volume, volumeErr = i.fileSystem(ctx, pod) })
	asking.Go(func() {
		trouble = i.withEngine(ctx, running, func(ctx context.Context, engine Engine) error {
			var counting sync.WaitGroup
			if !i.mayPanic(damage) {
				counting.Go(func() { usage, usageErr = diskUsage(ctx, engine) })
			}
			// Without an answer there is nothing to warn of.
			counting.Go(func() { networks, _ = engine.Networks(ctx) })
			engineInfo, err := engine.Info(ctx)
			counting.Wait()
			if err == nil {
				info = &engineInfo
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
		problem := Problem{
			Object: object, Reason: "DiskUsageUnknown", Severity: SeverityWarning,
			Message: "The daemon does not report what its images and cache use: " + usageErr.Error(),
			Hint:    fmt.Sprintf("kubectl logs -n %s %s", i.Cluster.Namespace, pod),
		}
		if errors.Is(usageErr, context.DeadlineExceeded) {
			problem.Reason = "DiskUsageLate"
			problem.Message = fmt.Sprintf("The daemon is still adding up what its images and cache use, after %s.", human.Duration(usageTime))
			problem.Hint = "It takes long while builds keep the disk busy: `dindctl status` asks again."
		}
		problems = append(problems, problem)
	}
	if volumeErr != nil {
		problems = append(problems, Problem{
			Object: object, Reason: "FileSystemUnknown", Severity: SeverityWarning,
			Message: "The size of the file system could not be read: " + volumeErr.Error(),
			Hint: hintFor(volumeErr, "create pods/exec",
				fmt.Sprintf("kubectl exec -n %s %s -- df %s", i.Cluster.Namespace, pod, dind.DataRoot)),
		})
	}
	if volume != nil {
		problems = append(problems, diskProblems(ref, volume, highWater)...)
		problems = append(problems, limitProblems(ref, volume, networks)...)
	}
	problems = append(problems, damageProblems(ref, damage, volume)...)
	return info, volume, newDisk(volume, usage), problems
}

// diskUsage asks for the sizes of images and cache; nil on error.
func diskUsage(ctx context.Context, engine Engine) (*daemon.DiskUsage, error) {
	ctx, cancel := context.WithTimeout(ctx, usageTime)
	defer cancel()
	usage, err := engine.DiskUsage(ctx)
	if err != nil {
		return nil, err
	}
	return &usage, nil
}
