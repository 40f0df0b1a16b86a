package lifecycle

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/progress"
)

const (
	// damageLines is how many lines of the daemon's log are searched for a sign of damage.
	damageLines = 300
	// damageTime is how long a sign counts: builds may have removed the cache since.
	damageTime = 24 * time.Hour
	// panicTime is how long status does not ask again what made the daemon panic.
	panicTime = time.Hour
)

// cacheDamage returns the last sign of a damaged build cache in the daemon's log, including
// the log before a restart; nil if there is none, or the log cannot be read.
func (i Instance) cacheDamage(ctx context.Context, pod *corev1.Pod) (last *dind.CacheDamage) {
	for _, status := range pod.Status.ContainerStatuses {
		if status.Name != dind.ContainerName {
			continue
		}
		for _, previous := range []bool{true, false} {
			if previous && status.RestartCount == 0 {
				continue
			}
			log, err := i.Cluster.LogTail(ctx, pod.Name, dind.ContainerName, damageLines, previous)
			if err != nil {
				continue
			}
			if found := dind.FindCacheDamage(log); found != nil && i.Now().Sub(found.Time) < damageTime {
				last = found
			}
		}
	}
	return last
}

// mayPanic reports whether adding up the sizes of the cache may end the daemon.
func (i Instance) mayPanic(damage *dind.CacheDamage) bool {
	return damage != nil && damage.Panic && i.Now().Sub(damage.Time) < panicTime
}

// damageProblems returns the problem of a damaged build cache. A prune since then has
// repaired it.
func damageProblems(pod kube.Ref, damage *dind.CacheDamage, volume *dind.FileSystem) []Problem {
	if damage == nil || volume != nil && volume.LastPrune != nil && volume.LastPrune.Time.After(damage.Time) {
		return nil
	}
	problem := Problem{
		Object: pod.String(), Reason: cacheDamaged, Severity: SeverityWarning,
		Message: fmt.Sprintf("The build cache is damaged: builds fail, last at %s: %s.", damage.Time.Format("2 Jan 15:04 MST"), damage.Sign),
		Hint:    removeCache,
	}
	if damage.Panic {
		problem.Message = fmt.Sprintf("The build cache is damaged: at %s the daemon ended while it added up the cache's size, and with it all builds.", damage.Time.Format("2 Jan 15:04 MST"))
		problem.Hint = fmt.Sprintf("`kubectl exec -n %s %s -c %s -- docker builder prune -af` removes the cache without its size; the next builds are slow.", pod.Namespace, pod.Name, dind.ContainerName)
	}
	return []Problem{problem}
}

// warnOfDamage warns of a damaged build cache, which a build that uses nothing of it does
// not meet.
func (i Instance) warnOfDamage(ctx context.Context, pod *corev1.Pod) {
	damage := i.cacheDamage(ctx, pod)
	if damage == nil {
		return
	}
	volume, _ := i.fileSystem(ctx, pod.Name) // has the last prune
	for _, problem := range damageProblems(kube.Ref{Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name}, damage, volume) {
		progress.Warn(i.Observer, problem.Message+" "+problem.Hint)
	}
}

const (
	cacheDamaged = "CacheDamaged"
	removeCache  = "`dindctl prune-now --all` removes the build cache, which repairs it; the next builds are slow."
)
