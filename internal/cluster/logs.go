package cluster

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dindctl/dindctl/internal/redact"
)

// lastWordsLines is how many lines of a crashed daemon's log are shown: enough
// for dockerd's fatal line and what led to it.
const lastWordsLines = 5

// lastWords reads the end of the log of the pod's crashed container, without the
// secrets in it: a daemon quotes the flag it does not understand. It is a
// help, not an answer: what cannot be read is left out. It takes a moment of
// its own, for ctx may just have reached its deadline.
func (c *Cluster) lastWords(ctx context.Context, pod *corev1.Pod) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	lines := int64(lastWordsLines)
	for _, previous := range []bool{false, true} {
		raw, err := c.Client.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name,
			&corev1.PodLogOptions{TailLines: &lines, Previous: previous}).DoRaw(ctx)
		if apierrors.IsForbidden(err) {
			return fmt.Sprintf("(the log cannot be read: %v)", err)
		}
		if text := strings.TrimSpace(string(raw)); err == nil && text != "" {
			return redact.Of(secretsIn(pod.Spec)...).In(text)
		}
	}
	return ""
}

// Logs copies a pod's log to out as it is written, until its container ends.
func (c *Cluster) Logs(ctx context.Context, pod string, out io.Writer) error {
	body, err := c.Client.CoreV1().Pods(c.Namespace).GetLogs(pod, &corev1.PodLogOptions{Follow: true}).Stream(ctx)
	if err != nil {
		return fmt.Errorf("reading the log of pod/%s: %w", pod, err)
	}
	defer body.Close()
	if _, err := io.Copy(out, body); err != nil {
		return fmt.Errorf("reading the log of pod/%s: %w", pod, err)
	}
	return nil
}
