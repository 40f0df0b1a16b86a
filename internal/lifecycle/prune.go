package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/human"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/progress"
	"github.com/dindctl/dindctl/internal/rollout"
)

// PruneReport is the result of PruneNow.
type PruneReport struct {
	Job string `json:"job"`
	// ReclaimedBytes is what the daemon's file system gained; nil if it is unknown. The
	// sizes that the daemon says it freed are no measure: it counts shared layers twice.
	ReclaimedBytes *int64 `json:"reclaimedBytes"`
	// Before and After are the daemon's disk use; nil if it could not be asked.
	Before          *PruneUsage `json:"before"`
	After           *PruneUsage `json:"after"`
	DurationSeconds float64     `json:"durationSeconds"`
	// Replicas are the results of the other replicas.
	Replicas []PruneReport `json:"replicas,omitempty"`
}

// PruneUsage is the daemon's disk use in bytes.
type PruneUsage struct {
	ImagesBytes      int64  `json:"imagesBytes"`
	BuildCacheBytes  int64  `json:"buildCacheBytes"`
	VolumesBytes     *int64 `json:"volumesBytes"` // nil if it is unknown
	ReclaimableBytes int64  `json:"reclaimableBytes"`
}

// NoScheduleError is returned when the installation has no CronJob.
type NoScheduleError struct{ Namespace, Name string }

func (e *NoScheduleError) Error() string {
	return fmt.Sprintf("%s in namespace %s was installed without a scheduled prune", e.Name, e.Namespace)
}

// PruneOptions are the options of PruneNow.
type PruneOptions struct {
	Overrides dind.PruneOverrides
	// WhenIdle waits first until no build and no container runs.
	WhenIdle bool
	// Log, if not nil, gets the lines of the Job's log as they are written.
	Log func(line string)
}

// PruneActivity returns what runs in the daemon that PruneNow would prune. Its
// errors are those of PruneNow, and a *DaemonError.
func (i Instance) PruneActivity(ctx context.Context) (daemon.Activity, error) {
	_, pod, err := i.pruneTarget(ctx)
	if err != nil {
		return daemon.Activity{}, err
	}
	return i.activity(ctx, pod)
}

// PruneNow runs the scheduled prune now, as a Job created from the CronJob, and waits
// for its end. The error is a *NotInstalledError, *NoScheduleError,
// *rollout.NotReadyError (the Job's pod did not start), *rollout.JobFailedError,
// or what the connection returns.
func (i Instance) PruneNow(ctx context.Context, how PruneOptions) (PruneReport, error) {
	began := i.Now()
	var report PruneReport
	var cronJob *batchv1.CronJob
	var pod *corev1.Pod
	err := progress.Step(i.Observer, "Daemon", func(update func(string)) (err error) {
		update("asking the daemon")
		if cronJob, pod, err = i.pruneTarget(ctx); err != nil {
			return err
		}
		report.Before = i.usage(ctx, pod)
		update(describeUsage(report.Before))
		return nil
	})
	if err != nil {
		return report, err
	}
	if how.WhenIdle {
		if err := i.waitIdle(ctx, pod); err != nil {
			return report, err
		}
		began = i.Now()
	}
	suffix := strconv.FormatInt(began.UnixMilli(), 36)
	job := dind.PruneJob(cronJob, how.Overrides, suffix)
	before, err := i.fileSystem(ctx, pod.Name)
	if err != nil {
		progress.Warn(i.Observer, "it will be unknown how much was freed: "+err.Error())
	}
	err = progress.Step(i.Observer, "Prune", func(update func(string)) error {
		created, err := i.Cluster.CreateJob(ctx, job)
		if err != nil {
			return err
		}
		report.Job = created.Name
		update("job/" + created.Name + " created")
		ended, err := i.follow(ctx, created, dind.PruneContainerName, update, how.Log)
		i.endKept(ctx, created, ended, err)
		if err != nil {
			return err
		}
		update("job/" + created.Name + " succeeded")
		return nil
	})
	if err != nil {
		return report, err
	}
	report.After = i.usage(ctx, pod)
	// Last, because file systems free space in the background.
	report.ReclaimedBytes = i.gain(ctx, pod.Name, before)
	report.DurationSeconds = i.Now().Sub(began).Seconds()
	return report, nil
}

// endKept deletes a Job whose pod still runs although the prune has ended: it would count
// as failed at its deadline.
func (i Instance) endKept(ctx context.Context, job *batchv1.Job, pod *corev1.Pod, failure error) {
	failed, is := errors.AsType[*rollout.JobFailedError](failure)
	kept := is && failed.Reason == rollout.KeptReason
	if pod != nil {
		kept = len(kube.OthersRunning(pod, dind.PruneContainerName)) > 0
	}
	if !kept {
		return
	}
	progress.Warn(i.Observer, fmt.Sprintf("the pod of job/%s still runs containers that dindctl did not add: the Job is deleted. %s", job.Name, rollout.OptOutHint))
	if err := i.removeJob(ctx, job); err != nil {
		progress.Warn(i.Observer, err.Error())
	}
}

// gain returns how much less of the daemon's file system is used than before; nil if it
// is unknown, and 0 if builds have used more meanwhile.
func (i Instance) gain(ctx context.Context, pod string, before *dind.FileSystem) *int64 {
	if before == nil {
		return nil
	}
	after, err := i.fileSystem(ctx, pod)
	if err != nil {
		progress.Warn(i.Observer, "it is unknown how much was freed: "+err.Error())
		return nil
	}
	return new(max(before.UsedBytes-after.UsedBytes, 0))
}

// pruneTarget returns the CronJob and the daemon's pod.
func (i Instance) pruneTarget(ctx context.Context) (*batchv1.CronJob, *corev1.Pod, error) {
	found, pod, err := i.findReady(ctx)
	if err == nil && found.cronJob() == nil {
		err = &NoScheduleError{Namespace: i.Cluster.Namespace, Name: i.Name}
	}
	return found.cronJob(), pod, err
}

// pruneLine returns a function that handles the lines of a prune's log: it passes them
// to log, or else reports those that matter.
func (i Instance) pruneLine(update, log func(string)) func(string) {
	return func(line string) {
		switch text, important := dind.ReadPruneLine(line); {
		case log != nil:
			log(line)
		case important:
			progress.Inform(i.Observer, text)
		case text != "":
			update(text)
		}
	}
}

// usage returns the daemon's disk use; nil, with a warning, if it does not answer,
// because the prune does not depend on it.
func (i Instance) usage(ctx context.Context, pod *corev1.Pod) *PruneUsage {
	var usage daemon.DiskUsage
	err := i.withEngine(ctx, pod, func(ctx context.Context, engine Engine) (err error) {
		usage, err = engine.DiskUsage(ctx)
		return err
	})
	if err != nil {
		progress.Warn(i.Observer, "disk use of the daemon could not be read: "+err.Error())
		return nil
	}
	return &PruneUsage{usage.ImagesBytes, usage.BuildCacheBytes, usage.VolumesBytes, usage.ReclaimableBytes}
}

func describeUsage(usage *PruneUsage) string {
	if usage == nil {
		return ""
	}
	return fmt.Sprintf("%s of images, %s of build cache",
		human.Size(usage.ImagesBytes), human.Size(usage.BuildCacheBytes))
}
