package lifecycle

import (
	"context"
	"fmt"

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
