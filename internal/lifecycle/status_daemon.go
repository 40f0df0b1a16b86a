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

// answerTime is how long status waits for everything that the daemon answers: for a
// minute, a node that is gone still counts as ready.
const answerTime = 45 * time.Second

// daemonAnswers are what the daemon and its file system say. A nil answer always has an
// error that says why: its own, or err, which is that of the connection.
type daemonAnswers struct {
	info  *daemon.Info
	usage *daemon.DiskUsage
	left  *daemon.Leftovers
	// networks is how many there are, 0 if it is unknown.
	networks int64
	damage   *dind.CacheDamage // nil if the log shows none
	volume   *dind.FileSystem

	err, usageErr, leftErr, volumeErr error
}

// askDaemon asks the daemon and its file system concurrently.
func (i Instance) askDaemon(ctx context.Context, pod *corev1.Pod) daemonAnswers {
	late := fmt.Errorf("no answer within %s", human.Duration(answerTime))
	ctx, cancel := context.WithTimeoutCause(ctx, answerTime, late)
	defer cancel()
	var a daemonAnswers
	var asking sync.WaitGroup
	asking.Go(func() { a.volume, a.volumeErr = i.fileSystem(ctx, pod.Name) })
	asking.Go(func() {
		a.damage = i.cacheDamage(ctx, pod) // first: it decides what is asked
		a.err = i.withEngine(ctx, pod, func(ctx context.Context, engine Engine) (err error) {
			var counting sync.WaitGroup
			if !i.mayPanic(a.damage) {
				counting.Go(func() { a.usage, a.usageErr = diskUsage(ctx, engine) })
			}
			// One after the other, over one connection.
			if a.info, err = answer(engine.Info(ctx)); err == nil {
				a.left, a.leftErr = answer(engine.Leftovers(ctx))
				// Without an answer there is nothing to warn of.
				a.networks, _ = engine.Networks(ctx)
			}
			counting.Wait()
			return err
		})
	})
	asking.Wait()
	if a.err != nil && context.Cause(ctx) == late {
		a.err = &DaemonError{Namespace: pod.Namespace, Pod: pod.Name, Err: late}
	}
	return a
}

// diskUsage asks for the sizes of images and cache; nil on error.
func diskUsage(ctx context.Context, engine Engine) (*daemon.DiskUsage, error) {
	ctx, cancel := context.WithTimeout(ctx, usageTime)
	defer cancel()
	return answer(engine.DiskUsage(ctx))
}

// answer returns nil for the value of a failed question.
func answer[T any](value T, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	return &value, nil
}

// daemonProblems returns what the answers show, and why some are missing.
func (i Instance) daemonProblems(pod *corev1.Pod, a daemonAnswers, options dind.Options) []Problem {
	ref := kube.Ref{Kind: "Pod", Namespace: i.Cluster.Namespace, Name: pod.Name}
	object, logs := ref.String(), fmt.Sprintf("kubectl logs -n %s %s", ref.Namespace, ref.Name)
	var problems []Problem
	var unreachable *DaemonError
	if errors.As(a.err, &unreachable) {
		reason, hint := unreachable.Advice()
		problems = append(problems, Problem{object, reason, unreachable.Error(), hint, SeverityError})
	}
	switch {
	case a.err != nil || a.usageErr == nil: // said already, or there is nothing to say
	case errors.Is(a.usageErr, context.DeadlineExceeded):
		problems = append(problems, Problem{object, "DiskUsageLate",
			fmt.Sprintf("The daemon is still adding up what its images and cache use, after %s.", human.Duration(usageTime)),
			"It takes long while builds keep the disk busy: `dindctl status` asks again.", SeverityWarning})
	default:
		problems = append(problems, Problem{object, "DiskUsageUnknown",
			"The daemon does not report what its images and cache use: " + a.usageErr.Error(), logs, SeverityWarning})
	}
	if a.err == nil && a.leftErr != nil {
		problems = append(problems, Problem{object, "LeftoversUnknown",
			"It is unknown what jobs left in the daemon: " + a.leftErr.Error(), logs, SeverityWarning})
	}
	if a.info != nil {
		if message, hint := unusedMirrors(options, *a.info); message != "" {
			problems = append(problems, Problem{object, "MirrorsUnused", message, hint, SeverityWarning})
		}
	}
	if a.left != nil {
		problems = append(problems, leftoverProblems(ref, *a.left, i.Now())...)
	}
	if a.volumeErr != nil {
		problems = append(problems, Problem{object, "FileSystemUnknown",
			"The size of the file system could not be read: " + a.volumeErr.Error(),
			hintFor(a.volumeErr, "create pods/exec", fmt.Sprintf("kubectl exec -n %s %s -- df %s", ref.Namespace, ref.Name, dind.DataRoot)),
			SeverityWarning})
	}
	if a.volume != nil {
		problems = append(problems, diskProblems(ref, a.volume, options.HighWater)...)
		problems = append(problems, limitProblems(ref, a.volume, a.networks)...)
	}
	return append(problems, damageProblems(ref, a.damage, a.volume)...)
}
