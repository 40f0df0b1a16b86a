package lifecycle

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/kube"
	"github.com/dindctl/dindctl/internal/progress"
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

// warnOfMetrics reads the metrics as Prometheus does, but through the API server, and says if
// they cannot be read: the daemon works all the same.
func (i Instance) warnOfMetrics(ctx context.Context, probe *podProbe) {
	err := func() error {
		link, err := probe.open()
		if err != nil {
			return err
		}
		transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return link.DialPort(ctx, dind.MetricsPort)
		}}
		ctx, cancel := context.WithTimeout(ctx, metricsTime)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+probe.pod.Name+dind.MetricsPath, nil)
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
	}()
	if err != nil && ctx.Err() == nil {
		progress.Warn(i.Observer, fmt.Sprintf("the metrics of pod %s cannot be read (%v): its image needs BusyBox's nc; `kubectl logs -n %s %s -c %s` says more",
			probe.pod.Name, err, probe.pod.Namespace, probe.pod.Name, dind.MetricsContainerName))
	}
}
