package kube

import (
	"context"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
)

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
