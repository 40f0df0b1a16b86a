package lifecycle

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dindctl/dindctl/internal/cluster"
	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
)

// serviceState tells whether jobs reach the pod by the Service's name.
func (i Instance) serviceState(ctx context.Context, pod *corev1.Pod) []Problem {
	endpoints, err := i.Cluster.Endpoints(ctx, i.Name)
	if err != nil {
		return []Problem{{
			Object: "service/" + i.Name, Reason: "EndpointsUnknown", Severity: SeverityWarning,
			Message: "Whether the Service leads to the pod could not be read: " + err.Error(),
			Hint:    hintFor(err, "list endpointslices.discovery.k8s.io", "`dindctl status` looks again."),
		}}
	}
	if cluster.LeadsTo(endpoints, pod) {
		return nil
	}
	cause := i.Cluster.NoEndpoint(i.Name, pod.Name)
	return []Problem{{cause.Object.String(), cause.Reason, cause.Message, cause.Hint, SeverityError}}
}

// hintFor is the way out of an error: the permission to ask for where that is
// what was missing, and otherwise the given hint.
func hintFor(err error, permission, otherwise string) string {
	if apierrors.IsForbidden(err) {
		return "Ask for the permission to " + permission + "; `dindctl check --print-role` prints all that dindctl uses."
	}
	return otherwise
}

// daemonState asks the daemon and its file system, at the same time. A nil
// answer always comes with a problem that says why.
func (i Instance) daemonState(ctx context.Context, running *corev1.Pod) (info *daemon.Info, disk *Disk, problems []Problem) {
	pod := running.Name
	object := cluster.Ref{Kind: "Pod", Namespace: i.Cluster.Namespace, Name: pod}.String()
	var usage *daemon.DiskUsage
	var volume *dind.FileSystem
	var engineErr, usageErr, volumeErr error
	var group errgroup.Group
	group.Go(func() error {
		volume, volumeErr = i.fileSystem(ctx, pod)
		return nil
	})
	group.Go(func() error {
		_, engineErr = cluster.Retry(ctx, lostOnTheWay, func(ctx context.Context) (struct{}, error) {
			engine, err := i.engine(ctx, running, nil)
			if err != nil {
				return struct{}{}, err
			}
			defer engine.Close()
			var questions errgroup.Group
			questions.Go(func() error {
				answer, err := engine.Info(ctx)
				if err == nil {
					info = &answer
				}
				return err
			})
			questions.Go(func() error {
				answer, err := engine.DiskUsage(ctx)
				if err == nil {
					usage = &answer
				}
				usageErr = err
				return nil
			})
			return struct{}{}, questions.Wait()
		})
		return nil
	})
	_ = group.Wait()

	if engineErr != nil {
		trouble := &DaemonError{Namespace: i.Cluster.Namespace, Pod: pod, Err: engineErr}
		reason, hint := trouble.Advice()
		problems = append(problems, Problem{object, reason, trouble.Error(), hint, SeverityError})
	}
	if usageErr != nil && engineErr == nil {
		problems = append(problems, Problem{
			Object: object, Reason: "DiskUsageUnknown", Severity: SeverityWarning,
			Message: "The daemon does not say what its images and cache use: " + usageErr.Error(),
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
