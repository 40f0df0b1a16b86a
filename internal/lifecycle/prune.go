package lifecycle

import (
	"context"
	"fmt"
	"strconv"

	"github.com/docker/go-units"
	"golang.org/x/sync/errgroup"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/cluster"
	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/progress"
)

// PruneReport is the outcome of PruneNow.
type PruneReport struct {
	Job            string `json:"job"`
	ReclaimedBytes *int64 `json:"reclaimedBytes"` // nil where the Job did not say
	// Before and After are what the daemon said around the clean-up; nil where
	// it could not be asked.
	Before          *PruneUsage `json:"before"`
	After           *PruneUsage `json:"after"`
	DurationSeconds float64     `json:"durationSeconds"`
}

// PruneUsage is what takes up space in the daemon, in bytes.
type PruneUsage struct {
	ImagesBytes      int64 `json:"imagesBytes"`
	BuildCacheBytes  int64 `json:"buildCacheBytes"`
	ReclaimableBytes int64 `json:"reclaimableBytes"`
}

// NoScheduleError says that the installation has no CronJob to run.
type NoScheduleError struct{ Namespace, Name string }

func (e *NoScheduleError) Error() string {
	return fmt.Sprintf("%s in namespace %s was installed without a scheduled clean-up", e.Name, e.Namespace)
}

// PruneOptions say how PruneNow goes about it.
type PruneOptions struct {
	Overrides dind.PruneOverrides
	// WhenIdle waits first until no build and no container runs.
	WhenIdle bool
	// Log, if not nil, gets the lines of the Job's log as they are written.
	Log func(line string)
}

// PruneActivity tells what runs in the daemon that PruneNow would clean up. Its
// errors are PruneNow's, and a *DaemonError.
func (i Instance) PruneActivity(ctx context.Context) (daemon.Activity, error) {
	_, pod, err := i.pruneTarget(ctx)
	if err != nil {
		return daemon.Activity{}, err
	}
	return i.activity(ctx, pod)
}

// PruneNow runs the scheduled clean-up at once, as a Job made from the CronJob,
// and waits for its end. The error is a *NotInstalledError, *NoScheduleError,
// *cluster.NotReadyError (the Job's pod did not start), *cluster.JobFailedError,
// or what the connection gives.
func (i Instance) PruneNow(ctx context.Context, how PruneOptions) (PruneReport, error) {
	began := i.Now()
	var report PruneReport
	var cronJob *batchv1.CronJob
	var pod *corev1.Pod
	err := progress.Step(i.Observer, "Daemon", func(update func(string)) (err error) {
		update("asking what there is")
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
	err = progress.Step(i.Observer, "Clean-up", func(update func(string)) error {
		created, err := i.Cluster.CreateJob(ctx, job)
		if err != nil {
			return err
		}
		report.Job = created.Name
		update("job/" + created.Name + " created")
		done, err := i.follow(ctx, created, update, how.Log)
		if err != nil {
			return err
		}
		if done == nil {
			progress.Warn(i.Observer, "the job's pod is gone: how much it freed is not known")
		} else if result, err := dind.ParsePruneResult(cluster.TerminationMessage(done)); err == nil {
			report.ReclaimedBytes = &result.ReclaimedBytes
		} else {
			progress.Warn(i.Observer, "the job did not say how much it freed: "+err.Error())
		}
		update("job/" + created.Name + " succeeded")
		return nil
	})
	if err != nil {
		return report, err
	}
	report.After = i.usage(ctx, pod)
	report.DurationSeconds = i.Now().Sub(began).Seconds()
	return report, nil
}

// pruneTarget finds the CronJob and the daemon's pod.
func (i Instance) pruneTarget(ctx context.Context) (*batchv1.CronJob, *corev1.Pod, error) {
	found, pod, err := i.ready(ctx)
	if err == nil && found.CronJob == nil {
		err = &NoScheduleError{Namespace: i.Cluster.Namespace, Name: i.Name}
	}
	return found.CronJob, pod, err
}

// follow waits for the Job, and tells of what the pod that runs it writes to its
// log. A log that may not be read is a pity, unless it was asked for.
func (i Instance) follow(ctx context.Context, job *batchv1.Job, update func(string), log func(line string)) (*corev1.Pod, error) {
	var logs errgroup.Group
	defer func() { _ = logs.Wait() }()
	copied := map[string]bool{}
	copyLog := func(pod *corev1.Pod) {
		if pod == nil || pod.Status.Phase == corev1.PodPending || copied[pod.Name] {
			return
		}
		copied[pod.Name] = true
		logs.Go(func() error {
			lines := &lineWriter{line: i.pruneLine(update, log)}
			defer lines.flush()
			if err := i.Cluster.Logs(ctx, pod.Name, lines); err != nil && log != nil {
				progress.Warn(i.Observer, err.Error())
			}
			return nil
		})
	}
	pod, err := i.Cluster.WaitJob(ctx, job, func(v cluster.Verdict) {
		update(v.Now)
		if v.Cause != nil {
			update(v.Cause.Message)
		}
		copyLog(v.Pod)
	})
	// A Job that is quick may be done before its pod was seen to run.
	copyLog(pod)
	return pod, err
}

// pruneLine makes of a line of the clean-up's log what is to be seen of it.
func (i Instance) pruneLine(update, log func(string)) func(string) {
	return func(line string) {
		switch text, waiting := dind.ReadPruneLine(line); {
		case log != nil:
			log(line)
		case waiting:
			progress.Inform(i.Observer, text)
		case text != "":
			update(text)
		}
	}
}

// usage asks the daemon; nil, with a warning, where it does not answer: the
// clean-up does not depend on it.
func (i Instance) usage(ctx context.Context, pod *corev1.Pod) *PruneUsage {
	var usage daemon.DiskUsage
	err := i.question(ctx, pod, nil, func(ctx context.Context, engine Engine) (err error) {
		usage, err = engine.DiskUsage(ctx)
		return err
	})
	if err != nil {
		progress.Warn(i.Observer, "what the daemon uses could not be read: "+err.Error())
		return nil
	}
	return &PruneUsage{usage.ImagesBytes, usage.BuildCacheBytes, usage.ReclaimableBytes}
}

func describeUsage(usage *PruneUsage) string {
	if usage == nil {
		return ""
	}
	return fmt.Sprintf("%s of images, %s of build cache",
		units.BytesSize(float64(usage.ImagesBytes)), units.BytesSize(float64(usage.BuildCacheBytes)))
}
