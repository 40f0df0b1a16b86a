package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/progress"
	"github.com/dindctl/dindctl/internal/tunnel"
)

// findMonitoring reads the PodMonitor of an installation that has metrics, or is to have
// them. One that this user may not read counts as missing: it is not theirs to change.
func (f *installation) findMonitoring(ctx context.Context, wanted bool) error {
	deployment := f.deployment()
	if options, _ := dind.Remembered(deployment); !wanted && !options.Metrics {
		return nil
	}
	monitors, unread := f.i.Cluster.ReadEach(ctx, f.i.refs(dind.Monitoring))
	f.objects = f.objects.With(monitors)
	for _, err := range unread {
		if !apierrors.IsForbidden(err) {
			return err
		}
	}
	return nil
}

// mayMonitor reports whether the options want a PodMonitor, the cluster serves that kind, and
// this user may create one. If one of the latter is not so, it says what to do.
func (i Instance) mayMonitor(ctx context.Context, options dind.Options) (bool, error) {
	if !options.Metrics {
		return false, nil
	}
	served, err := i.Cluster.Serves(ctx, kube.PodMonitors)
	if err != nil {
		return false, fmt.Errorf("finding out whether the cluster has PodMonitors: %w", err)
	}
	if !served {
		progress.Warn(i.Observer, fmt.Sprintf("the cluster has no PodMonitors, so none is created: let Prometheus scrape port %d of the pods, for example by `--pod-annotation prometheus.io/scrape=true --pod-annotation prometheus.io/port=%[1]d`", dind.MetricsPort))
		return false, nil
	}
	var needed []kube.Permission
	for _, verb := range []string{"get", "create", "patch"} {
		needed = append(needed, kube.Permission{Verb: verb, Group: kube.PodMonitors.Group, Resource: kube.PodMonitors.Resource})
	}
	missing, err := i.Cluster.Missing(ctx, needed)
	if err != nil {
		return false, fmt.Errorf("reviewing the permissions for PodMonitors: %w", err)
	}
	if len(missing) > 0 {
		progress.Warn(i.Observer, fmt.Sprintf("you may not %s, so there is no PodMonitor: an administrator creates what `dindctl manifests --metrics`, with the same options, prints", missing[0]))
		return false, nil
	}
	return true, nil
}

// metricsTime is how long the page of metrics may take, which Prometheus waits for as long.
const metricsTime = 10 * time.Second

// warnOfMetrics says if the metrics cannot be read: the daemon works all the same.
func (i Instance) warnOfMetrics(ctx context.Context, probe *podProbe) {
	link, err := probe.open()
	if err == nil {
		err = readMetrics(ctx, link, probe.pod)
	}
	if err != nil && ctx.Err() == nil {
		progress.Warn(i.Observer, fmt.Sprintf("the metrics of pod %s cannot be read (%v): %s", probe.pod.Name, err, metricsHint(probe.pod)))
	}
}

// metricsState returns a problem if the metrics of the pod cannot be read. If there is no link
// to the pod, askDaemon has none either, and says so.
func (i Instance) metricsState(ctx context.Context, pod *corev1.Pod) []Problem {
	_, err := kube.RetryIf(ctx, linkLost, func(ctx context.Context) (struct{}, error) {
		link, err := i.Connect(i.Cluster, pod.Name)
		if err != nil {
			return struct{}{}, err
		}
		defer link.Close()
		return struct{}{}, readMetrics(ctx, link, pod)
	})
	var opening *tunnel.OpenError
	if err == nil || errors.As(err, &opening) {
		return nil
	}
	object := kube.Ref{Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name}.String()
	return []Problem{{object, "MetricsUnreadable", "The metrics cannot be read: " + err.Error(), metricsHint(pod), SeverityWarning}}
}

func metricsHint(pod *corev1.Pod) string {
	return fmt.Sprintf("its image needs BusyBox's nc; `kubectl logs -n %s %s -c %s` says more", pod.Namespace, pod.Name, dind.MetricsContainerName)
}

// readMetrics reads the metrics as Prometheus does, but through the API server.
func readMetrics(ctx context.Context, link Link, pod *corev1.Pod) error {
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return link.DialPort(ctx, dind.MetricsPort)
	}}
	ctx, cancel := context.WithTimeout(ctx, metricsTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+pod.Name+dind.MetricsPath, nil)
	if err != nil {
		return err
	}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer is %s", answer.Status)
	}
	return nil
}
