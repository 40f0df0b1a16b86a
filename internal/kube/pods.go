package kube

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/streaming/pkg/httpstream"
)

// Exec runs a command in a pod's container and returns its standard output. The
// error includes its standard error, or the API server's answer if the server
// refused the request. It returns when ctx ends.
func (c *Cluster) Exec(ctx context.Context, pod, container string, command ...string) (string, error) {
	executor, err := c.executor(pod, container, command)
	if err != nil {
		return "", fmt.Errorf("preparing to run %s in pod/%s: %w", command[0], pod, err)
	}
	type result struct {
		stdout, stderr string
		err            error
	}
	ended := make(chan result, 1)
	go func() {
		var stdout, stderr bytes.Buffer
		err := executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: &stdout, Stderr: &stderr})
		ended <- result{stdout.String(), strings.TrimSpace(stderr.String()), err}
	}()
	var r result
	select {
	case r = <-ended:
	case <-ctx.Done():
		// The upgrade of the connection ignores the context.
		return "", fmt.Errorf("running %s in pod/%s: %w", command[0], pod, ctx.Err())
	}
	switch {
	case r.err == nil:
		return r.stdout, nil
	case r.stderr != "":
		return "", fmt.Errorf("running %s in pod/%s: %w: %s", command[0], pod, r.err, r.stderr)
	default:
		return "", fmt.Errorf("running %s in pod/%s: %w", command[0], pod, refusalOf(r.err))
	}
}

// executor uses a websocket, and SPDY if a proxy on the way does not support
// websockets.
func (c *Cluster) executor(pod, container string, command []string) (remotecommand.Executor, error) {
	if c.Config == nil { // in tests
		return nil, errors.New("there is no connection for it")
	}
	url := c.Client.CoreV1().RESTClient().Post().
		Namespace(c.Namespace).Resource("pods").Name(pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{
			Container: container, Command: command, Stdout: true, Stderr: true,
		}, scheme.ParameterCodec).URL()
	spdy, err := remotecommand.NewSPDYExecutor(c.Config, "POST", url)
	if err != nil || c.WithoutExecWebsockets {
		return spdy, err
	}
	websocket, err := remotecommand.NewWebSocketExecutor(c.Config, "GET", url.String())
	if err != nil {
		return nil, err
	}
	return remotecommand.NewFallbackExecutor(websocket, spdy, func(err error) bool {
		// The server would refuse SPDY too, with an error that has no status.
		if apierrors.IsForbidden(refusalOf(err)) || apierrors.IsNotFound(refusalOf(err)) {
			return false
		}
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err) || Cut(err)
	})
}

// Cut reports whether a proxy may have ended a connection because it does not support
// websockets: the connection was there, and ended without an answer.
func Cut(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}

// refusalOf returns the API server's answer to a failed upgrade, an error that
// does not unwrap.
func refusalOf(err error) error {
	var failure *httpstream.UpgradeFailureError
	if errors.As(err, &failure) {
		return failure.Cause
	}
	return err
}

// Logs copies the log of a pod's container to out as it is written, until it ends.
func (c *Cluster) Logs(ctx context.Context, pod, container string, out io.Writer) error {
	body, err := c.Client.CoreV1().Pods(c.Namespace).GetLogs(pod, &corev1.PodLogOptions{Container: container, Follow: true}).Stream(ctx)
	if err != nil {
		return fmt.Errorf("reading the log of pod/%s: %w", pod, err)
	}
	defer body.Close()
	if _, err := io.Copy(out, body); err != nil {
		return fmt.Errorf("reading the log of pod/%s: %w", pod, err)
	}
	return nil
}

// LogTail returns the last lines of the log of a pod's container, each with its time. With
// previous it is the log of the container before its last restart.
func (c *Cluster) LogTail(ctx context.Context, pod, container string, lines int64, previous bool) (string, error) {
	raw, err := c.Client.CoreV1().Pods(c.Namespace).GetLogs(pod, &corev1.PodLogOptions{
		Container: container, TailLines: &lines, Timestamps: true, Previous: previous,
	}).DoRaw(ctx)
	if err != nil {
		return "", fmt.Errorf("reading the log of pod/%s: %w", pod, err)
	}
	return string(raw), nil
}
