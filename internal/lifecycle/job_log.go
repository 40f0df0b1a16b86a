package lifecycle

import (
	"bytes"
	"context"
	"sync"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/progress"
	"github.com/dindctl/dindctl/internal/rollout"
)

// follow waits for the Job's container, reports what its log says, and returns the
// pod. Failing to read the log is an error only if the caller asked for it.
func (i Instance) follow(ctx context.Context, job *batchv1.Job, container string, update func(string), log func(line string)) (*corev1.Pod, error) {
	var logs sync.WaitGroup
	defer logs.Wait()
	copied := map[string]bool{}
	copyLog := func(pod *corev1.Pod) {
		if pod == nil || pod.Status.Phase == corev1.PodPending || copied[pod.Name] {
			return
		}
		copied[pod.Name] = true
		logs.Go(func() {
			lines := &lineWriter{line: i.pruneLine(update, log)}
			defer lines.flush()
			if err := i.Cluster.Logs(ctx, pod.Name, container, lines); err != nil && log != nil {
				progress.Warn(i.Observer, err.Error())
			}
		})
	}
	pod, err := rollout.WaitJob(ctx, i.Cluster, job, container, func(status rollout.Status) {
		update(status.Now)
		if status.Cause != nil {
			update(status.Cause.Message)
		}
		copyLog(status.Pod)
	})
	// A quick Job may have ended before its pod was seen to run.
	copyLog(pod)
	return pod, err
}

// lineWriter calls line for each line that is written to it. It is safe for
// concurrent use.
type lineWriter struct {
	line func(string)

	mu      sync.Mutex
	pending []byte
}

func (w *lineWriter) Write(data []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending = append(w.pending, data...)
	for {
		line, rest, found := bytes.Cut(w.pending, []byte("\n"))
		if !found {
			return len(data), nil
		}
		w.line(string(line))
		w.pending = rest
	}
}

// flush calls line for a last line without an end.
func (w *lineWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.pending) > 0 {
		w.line(string(w.pending))
		w.pending = nil
	}
}
