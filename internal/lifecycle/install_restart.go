package lifecycle

import (
	"context"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/dindctl/dindctl/internal/apply"
	"github.com/dindctl/dindctl/internal/daemon"
	"github.com/dindctl/dindctl/internal/dind"
	"github.com/dindctl/dindctl/internal/progress"
	"github.com/dindctl/dindctl/internal/rollout"
)

// Restart is what an install aborts when it replaces a running daemon's pod.
type Restart struct {
	Pod string `json:"pod"`
	// Builds and Containers ran in it just before; nil if the daemon does not say.
	Builds     *int `json:"builds"`
	Containers *int `json:"containers"`

	pod      *corev1.Pod
	engine   daemon.Info // of the daemon that it ends; empty if unknown
	activity daemon.Activity
	err      error // why the daemon could not be asked
}

// beforeRestart reports what the plan would abort by replacing the daemon's pod,
// and with WhenIdle waits until nothing runs in it. It returns the plan to apply:
// it plans again after waiting, because the cluster may have changed meanwhile.
func (i Instance) beforeRestart(ctx context.Context, p plan, options dind.Options, how InstallOptions, outcome *Installation) (plan, error) {
	for {
		restart, err := i.restart(ctx, p)
		if outcome.Restart = restart; restart == nil || err != nil {
			return p, err
		}
		switch {
		case !how.WhenIdle:
			i.reportRestart(restart, "restarting %s aborts %s", " (use --when-idle to wait)")
			return p, nil
		case restart.err != nil:
			return p, restart.err
		case restart.idle():
			i.reportRestart(restart, "restarting %s aborts %s", "")
			return p, nil
		}
		if err := i.waitIdle(ctx, restart.pod); err != nil {
			return p, err
		}
		if restart.activity.BuildsUnknown {
			return p, nil // there is nothing more to learn
		}
		if p, err = i.plan(ctx, options, how); err != nil {
			return p, err
		}
	}
}

// restart returns which running pod the plan replaces, by the API server's answer
// to a dry run, and what runs in it; nil if there is none.
func (i Instance) restart(ctx context.Context, p plan) (*Restart, error) {
	deployment := p.Only("Deployment")
	if p.found.deployment() == nil || deployment.Empty() {
		return nil, nil
	}
	applied, err := deployment.Preview(ctx)
	replaces := replacesPod(applied)
	if err != nil {
		// A webhook that allows no dry runs, for example.
		replaces = deployment.Touches("spec.template")
	}
	if !replaces || ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return i.running(ctx, p.found.deployment()), ctx.Err()
}

// replacesPod reports whether a Deployment's pods are replaced.
func replacesPod(applied []apply.Applied) bool {
	for _, a := range applied {
		for _, field := range a.Fields {
			if a.Ref.Kind == "Deployment" && strings.HasPrefix(field.Path, "spec.template") {
				return true
			}
		}
	}
	return false
}

// running asks the running daemon of the Deployment; nil if none runs.
func (i Instance) running(ctx context.Context, deployment *appsv1.Deployment) *Restart {
	pod, err := i.runningPod(ctx, deployment)
	switch {
	case err != nil:
		return &Restart{err: err}
	case pod == nil:
		return nil
	}
	restart := &Restart{Pod: pod.Name, pod: pod}
	ctx, cancel := context.WithTimeout(ctx, askingTime)
	defer cancel()
	restart.err = i.withEngine(ctx, pod, func(ctx context.Context, engine Engine) (err error) {
		if restart.activity, err = engine.Activity(ctx); err == nil {
			restart.engine, _ = engine.Info(ctx) // only for the report at the end
		}
		return err
	})
	if restart.err == nil {
		restart.Containers = new(len(restart.activity.Containers))
		if !restart.activity.BuildsUnknown {
			restart.Builds = &restart.activity.Builds
		}
	}
	return restart
}

// runningPod returns the Deployment's running pod, nil if there is none.
func (i Instance) runningPod(ctx context.Context, deployment *appsv1.Deployment) (*corev1.Pod, error) {
	pods, err := i.Cluster.PodsOf(ctx, deployment)
	return firstRunning(pods), err
}

// firstRunning returns the first pod whose daemon runs, ready or not: one that is
// too busy to answer its probe is the last that should be ended without asking.
func firstRunning(pods []corev1.Pod) *corev1.Pod {
	for n := range pods {
		if pod := &pods[n]; pod.DeletionTimestamp == nil && pod.Status.Phase == corev1.PodRunning && rollout.ContainerRuns(pod, dind.ContainerName) {
			return pod
		}
	}
	return nil
}

// idle reports whether nothing runs, as far as the engine says what does.
func (r *Restart) idle() bool { return r.activity.Idle() && !r.activity.BuildsUnknown }

// reportRestart reports what a restart aborts. format takes the pod and what runs
// in it; advice is what to do instead.
func (i Instance) reportRestart(restart *Restart, format, advice string) {
	pod := "the daemon's pod"
	if restart.Pod != "" {
		pod = "pod/" + restart.Pod
	}
	switch {
	case restart.err != nil:
		progress.Warn(i.Observer, fmt.Sprintf(format+": %v", pod, "whatever runs in it, which is unknown", restart.err))
	case restart.idle():
		progress.Inform(i.Observer, fmt.Sprintf(format, pod, "nothing"))
	default:
		progress.Warn(i.Observer, fmt.Sprintf(format, pod, DescribeActivity(restart.activity))+advice)
	}
}
