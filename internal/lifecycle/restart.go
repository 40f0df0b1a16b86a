package lifecycle

import (
	"context"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/cluster"
	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/progress"
)

// Restart is what an installation ends that replaces a running daemon's pod.
type Restart struct {
	Pod string `json:"pod"`
	// Builds and Containers ran in it just before; nil where the daemon does not
	// tell.
	Builds     *int `json:"builds"`
	Containers *int `json:"containers"`

	pod      *corev1.Pod
	engine   daemon.Info // of the daemon that it ends; empty where it did not say
	activity daemon.Activity
	err      error // why the daemon could not be asked
}

// beforeRestart says what the plan would break by replacing the daemon's pod,
// and with WhenIdle waits until that is nothing. It gives the plan to go by: of
// a wait the cluster knows nothing, and what was read before it may have changed.
func (i Instance) beforeRestart(ctx context.Context, p prepared, options dind.Options, how InstallOptions, outcome *Installation) (prepared, error) {
	for {
		restart, err := i.restart(ctx, p)
		if outcome.Restart = restart; restart == nil || err != nil {
			return p, err
		}
		switch {
		case !how.WhenIdle:
			i.tellRestart(restart, "restarts", "; --when-idle waits for them")
			return p, nil
		case restart.err != nil:
			return p, restart.err
		case restart.activity.Idle() && !restart.activity.BuildsUnknown:
			i.tellRestart(restart, "restarts", "")
			return p, nil
		}
		if err := i.waitIdle(ctx, restart.pod); err != nil {
			return p, err
		}
		if restart.activity.BuildsUnknown {
			return p, nil // there is no more to know
		}
		if p, err = i.prepare(ctx, options, how); err != nil {
			return p, err
		}
	}
}

// restart tells which running pod the plan replaces, by the API server's answer
// to a trial, and what runs in it; nil where none is.
func (i Instance) restart(ctx context.Context, p prepared) (*Restart, error) {
	plan := p.plan.Only("Deployment")
	if p.found.Deployment == nil || plan.Empty() {
		return nil, nil
	}
	applied, err := plan.Preview(ctx)
	if err != nil && ctx.Err() == nil {
		// A webhook that knows no trials, say. What was read has to do.
		applied, err = plan.Predict()
	}
	if err != nil {
		return nil, err
	}
	if !replacesPod(applied) {
		return nil, nil
	}
	return i.running(ctx, p.found.Deployment), ctx.Err()
}

// liveDriver is the storage driver of the daemon that runs, where the options
// name another one than its Deployment and it can be asked: what an engine chose
// for a data root only it knows.
func (i Instance) liveDriver(ctx context.Context, options dind.Options, found cluster.Inventory) string {
	if !dind.AsksForDriver(options, found.Deployment) {
		return ""
	}
	pods, err := i.Cluster.Pods(ctx, found.Deployment.Spec.Selector.MatchLabels)
	if err != nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, askingTime)
	defer cancel()
	for n := range pods {
		if runs(pods[n]) {
			info, _ := i.ask(ctx, &pods[n], nil)
			return info.StorageDriver
		}
	}
	return ""
}

// replacesPod tells whether a Deployment's pods are made anew.
func replacesPod(applied []cluster.Applied) bool {
	for _, a := range applied {
		if a.Ref.Kind != "Deployment" {
			continue
		}
		for _, field := range a.Fields {
			if strings.HasPrefix(field.Path, "spec.template") {
				return true
			}
		}
	}
	return false
}

// running asks the daemon of the Deployment that runs now; nil where none does.
func (i Instance) running(ctx context.Context, deployment *appsv1.Deployment) *Restart {
	pods, err := i.Cluster.Pods(ctx, deployment.Spec.Selector.MatchLabels)
	if err != nil {
		return &Restart{err: err}
	}
	for n := range pods {
		if !runs(pods[n]) {
			continue
		}
		restart := &Restart{Pod: pods[n].Name, pod: &pods[n]}
		asking, cancel := context.WithTimeout(ctx, askingTime)
		defer cancel()
		restart.err = i.question(asking, restart.pod, nil, func(ctx context.Context, engine Engine) (err error) {
			if restart.activity, err = engine.Activity(ctx); err == nil {
				restart.engine, _ = engine.Info(ctx) // for what is said at the end, no more
			}
			return err
		})
		if restart.err == nil {
			restart.Containers = &restart.activity.Containers
			if !restart.activity.BuildsUnknown {
				restart.Builds = &restart.activity.Builds
			}
		}
		return restart
	}
	return nil
}

// runs tells whether a pod's daemon runs, ready or not: one that is too busy to
// answer its probe is the last that should be ended unasked.
func runs(pod corev1.Pod) bool {
	if pod.DeletionTimestamp != nil || pod.Status.Phase != corev1.PodRunning {
		return false
	}
	for _, container := range pod.Status.ContainerStatuses {
		if container.State.Running != nil {
			return true
		}
	}
	return false
}

// tellRestart says what a restart breaks, or would; advice is the way round it.
func (i Instance) tellRestart(restart *Restart, does, advice string) {
	pod := "the daemon's pod"
	if restart.Pod != "" {
		pod = "pod/" + restart.Pod
	}
	switch {
	case restart.err != nil:
		progress.Warn(i.Observer, fmt.Sprintf("%s %s, and what runs in it is not known: %v", pod, does, restart.err))
	case restart.activity.Idle() && !restart.activity.BuildsUnknown:
		progress.Inform(i.Observer, fmt.Sprintf("%s %s; nothing runs in it", pod, does))
	default:
		progress.Warn(i.Observer, fmt.Sprintf("%s %s, which breaks what runs in it: %s%s", pod, does, DescribeActivity(restart.activity), advice))
	}
}
